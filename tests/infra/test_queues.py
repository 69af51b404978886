"""Nothing that is handed on asynchronously can be lost: every queue, stream and schedule ends in a dead-letter queue."""

from __future__ import annotations

import json

from antiphon.search.follow import errand_of_removed
from tests.infra.system import Resource, System

FEWEST_RECEIVES = 5
"""Q-05. A Spot return is a receive too, and not a failure, so the lanes have no fewer."""


def redrive(queue: Resource) -> tuple[str, int] | None:
    policy = queue.properties.get("RedrivePolicy")
    return policy and (policy["deadLetterTargetArn"], policy["maxReceiveCount"])


def dead_letter_queues(system: System) -> set[str]:
    """By use: where queues, mappings and schedules put what they give up."""
    targets = [policy[0] for queue in system.all("AWS::SQS::Queue") if (policy := redrive(queue))]
    for mapping in system.all("AWS::Lambda::EventSourceMapping"):
        destinations = mapping.properties.get("DestinationConfig", {})
        targets += [destination["Destination"] for destination in destinations.values()]
    for rule in system.all("AWS::Events::Rule"):
        targets += [target["DeadLetterConfig"]["Arn"] for target in rule.properties["Targets"]]
    return {system.of(target).name for target in targets}


def test_every_queue_has_a_dead_letter_queue_that_keeps_messages_longer(cloud: System) -> None:
    """Q-05: what reaches the dead letters keeps the age that it had."""
    dead = dead_letter_queues(cloud)
    for queue in cloud.all("AWS::SQS::Queue"):
        policy = redrive(queue)
        if queue.name in dead:
            assert policy is None, f"{queue.name}: dead letters of dead letters"
            assert queue.properties["MessageRetentionPeriod"] == 1_209_600, queue.name
            continue
        assert policy, f"{queue.name} has no dead-letter queue"
        target, receives = policy
        assert receives >= FEWEST_RECEIVES, queue.name
        kept = cloud.of(target).properties["MessageRetentionPeriod"]
        assert kept > queue.properties["MessageRetentionPeriod"], queue.name


def test_a_dead_letter_queue_takes_the_letters_of_its_own_queue_only(cloud: System) -> None:
    """I-05. Those of the stream and of schedules are sent, so no queue may redrive there."""
    sources = {policy[0]: queue for queue in cloud.all("AWS::SQS::Queue") if (policy := redrive(queue))}
    for name in dead_letter_queues(cloud):
        allowed = cloud.resources[name].properties["RedriveAllowPolicy"]
        source = sources.get(cloud.resources[name].attribute("Arn"))
        if source is None:
            assert allowed == {"redrivePermission": "denyAll"}, name
            continue
        # The dead letters must be there before their queue, so they know it by its name.
        arn = f"arn:${{AWS::Partition}}:sqs:${{AWS::Region}}:${{AWS::AccountId}}:{source.properties['QueueName']}"
        assert allowed == {"redrivePermission": "byQueue", "sourceQueueArns": [arn]}, name


def test_a_queue_that_keeps_an_order_is_called_so(cloud: System) -> None:
    """SQS refuses any other name of one."""
    for queue in cloud.all("AWS::SQS::Queue"):
        if name := queue.properties.get("QueueName"):
            assert name.endswith(".fifo") == queue.properties.get("FifoQueue", False), queue.name


def test_no_two_queues_share_their_dead_letters(cloud: System) -> None:
    """Redrive knows from the dead-letter queue alone where a message belongs."""
    targets = [policy[0] for queue in cloud.all("AWS::SQS::Queue") if (policy := redrive(queue))]
    assert len(targets) == len(set(targets))


def test_every_queue_is_encrypted_and_polled_long(cloud: System) -> None:
    dead = dead_letter_queues(cloud)
    key = cloud.resources["keys/DataKey"].attribute("Arn")
    for queue in cloud.all("AWS::SQS::Queue"):
        assert queue.properties["KmsMasterKeyId"] == key, queue.name
        assert queue.properties["KmsDataKeyReusePeriodSeconds"] == 3600, f"{queue.name}: each message would cost a call"
        if queue.name not in dead:
            assert queue.properties["ReceiveMessageWaitTimeSeconds"] == 20, queue.name


def mappings(system: System, kind: str) -> list[Resource]:
    all_of_them = system.all("AWS::Lambda::EventSourceMapping")
    found = [each for each in all_of_them if system.of(each.properties["EventSourceArn"]).kind == kind]
    assert found
    return found


def test_every_queue_that_calls_a_function_does_it_safely(cloud: System) -> None:
    """Q-05: partial failures, time for retries by Lambda itself, a bound on concurrency."""
    for mapping in mappings(cloud, "AWS::SQS::Queue"):
        queue = cloud.of(mapping.properties["EventSourceArn"])
        function = cloud.of(mapping.properties["FunctionName"])
        assert mapping.properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"], mapping.name
        assert queue.properties["VisibilityTimeout"] >= 6 * function.properties["Timeout"], mapping.name
        assert 2 <= mapping.properties["ScalingConfig"]["MaximumConcurrency"] <= 1000, mapping.name


def test_a_bad_record_of_the_stream_stops_nothing_for_long(cloud: System) -> None:
    """Q-06: Lambda's own defaults would try one bad record for 24 hours and block its shard."""
    for mapping in mappings(cloud, "AWS::DynamoDB::Table"):
        properties = mapping.properties
        assert 1 <= properties["MaximumRetryAttempts"] <= 100, mapping.name
        assert 60 <= properties["MaximumRecordAgeInSeconds"] <= 3600, mapping.name
        assert properties["BisectBatchOnFunctionError"] is True, mapping.name
        assert properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"], mapping.name
        # LATEST would miss what happens while the mapping is made.
        assert properties["StartingPosition"] == "TRIM_HORIZON", mapping.name
        target = cloud.of(properties["DestinationConfig"]["OnFailure"]["Destination"])
        assert target.kind == "AWS::SQS::Queue", mapping.name


def test_only_new_events_and_what_was_found_wake_the_publisher(cloud: System) -> None:
    (mapping,) = mappings(cloud, "AWS::DynamoDB::Table")
    new, gone = (json.loads(each["Pattern"]) for each in mapping.properties["FilterCriteria"]["Filters"])
    assert new == {"eventName": ["INSERT"], "dynamodb": {"NewImage": {"row": {"S": ["event"]}}}}
    prefixes = [each["prefix"] for each in gone["dynamodb"]["Keys"]["sk"]["S"]]
    assert gone["eventName"] == ["REMOVE"]
    assert all(errand_of_removed("user#usr_1", prefix + "x") for prefix in prefixes)


def test_every_schedule_says_when_it_could_not_call(cloud: System) -> None:
    for rule in cloud.all("AWS::Events::Rule"):
        for target in rule.properties["Targets"]:
            queue = cloud.of(target["DeadLetterConfig"]["Arn"])
            writers = [
                statement
                for policy in cloud.all("AWS::SQS::QueuePolicy")
                if queue.reference in policy.properties["Queues"]
                for statement in policy.properties["PolicyDocument"]["Statement"]
            ]
            origins = [each["Condition"]["ArnEquals"]["aws:SourceArn"] for each in writers]
            assert any(rule.attribute("Arn") in allowed for allowed in origins), (
                f"{rule.name} may not write to {queue.name}"
            )


def test_what_a_schedule_calls_leaves_dead_letters_when_it_fails(cloud: System) -> None:
    """I-03: Lambda takes such a call and answers at once, so the schedule's own dead letters would never hear of a failure."""
    scheduled = {
        cloud.called(target["Arn"]).name: target["DeadLetterConfig"]["Arn"]
        for rule in cloud.all("AWS::Events::Rule")
        for target in rule.properties["Targets"]
    }
    for function in cloud.all("AWS::Lambda::Function"):
        letters = function.properties.get("DeadLetterConfig", {}).get("TargetArn")
        assert letters == scheduled.get(function.name), function.name
        if letters:
            role = cloud.of(function.properties["Role"])
            (policy,) = role.properties["Policies"]
            (may,) = [each for each in policy["PolicyDocument"]["Statement"] if letters in each["Resource"]]
            assert may["Action"] == ["sqs:SendMessage"]


def test_every_function_that_nobody_waits_for_is_called_by_a_queue_a_stream_or_a_schedule(cloud: System) -> None:
    """So that no call but the schedule's is of Lambda's own asynchronous kind, which needs dead letters of its own."""
    waited_for = {cloud.called(p.properties["FunctionName"]).name for p in cloud.all("AWS::Lambda::Permission")}
    polled = {cloud.of(m.properties["FunctionName"]).name for m in cloud.all("AWS::Lambda::EventSourceMapping")}
    assert waited_for | polled == {function.name for function in cloud.all("AWS::Lambda::Function")}
    assert not waited_for & polled
