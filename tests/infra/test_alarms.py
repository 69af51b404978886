"""O-06 to O-08: whatever can go wrong has an alarm, each alarm a person who hears of it and a page that says what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from antiphon.platform.metrics import DEPLOYMENT, METRICS, NAMESPACE
from antiphon.webhooks.model import Outcome
from tests.infra.system import ROOT, Resource, System
from tests.infra.test_queues import dead_letter_queues

RUNBOOKS = ROOT / "infra/runbooks"
LANES = [worker + lane for worker in ("Transcriber", "Synthesizer") for lane in ("Standard", "Priority")]
SLOW = {
    "ApiBurnsFast": (1, 1),
    "ApiBurnsSlow": (1, 6),
    "DeliveriesBurnFast": (1, 1),
    "DeliveriesBurnSlow": (1, 6),
    **{f"{lane}BurnsFast": (1, 1) for lane in LANES},
    **{f"{lane}BurnsSlow": (1, 6) for lane in LANES},
    "CertificateEnds": (1, 24),
    "JobsLost": (3, 1),
    "TranscriberIdles": (2, 1),
    "SynthesizerIdles": (2, 1),
}
"""How often, and over how many hours, these look: what they tell of is not over in three minutes."""
OF_FIVE_MINUTES = {"DeliveriesFailing", "TranscriberMissing", "SynthesizerMissing"}


@pytest.fixture(scope="module")
def production(production: System) -> System:
    """With GPU workers and a name of its own."""
    digest = f"sha256:{'ab' * 32}"
    certificate = "arn:aws:acm:us-east-1:000000000000:certificate/1"
    more = {"TranscriberImage": digest, "SynthesizerImage": digest, "CertificateArn": certificate}
    return System({**production.parameters, **more}, "us-east-1")


def alarms(system: System) -> list[Resource]:
    """Those that a person hears of; others scale workers and stop a release (test_gpu.py, test_rollout.py)."""
    return [alarm for alarm in system.all("AWS::CloudWatch::Alarm") if alarm.name.startswith("observability/")]


def metrics(alarm: Resource) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Namespace, name and dimensions of all that an alarm looks at."""
    inner = [each["MetricStat"]["Metric"] for each in alarm.properties.get("Metrics", []) if "MetricStat" in each]
    for metric in inner or [alarm.properties]:
        yield metric["Namespace"], metric["MetricName"], {d["Name"]: d["Value"] for d in metric["Dimensions"]}


def looked_at(system: System) -> set[tuple[str, str, str]]:
    """Namespace, metric and the resource that it is of."""
    return {
        (namespace, name, str(value))
        for alarm in alarms(system)
        for namespace, name, dimensions in metrics(alarm)
        for value in dimensions.values()
    }


def name_of(queue: Resource) -> str:
    return queue.attribute("QueueName")


def test_every_queue_has_an_alarm_of_its_age_or_of_what_it_gave_up(production: System) -> None:
    """Q-44: the age alone does not see poison, so a dead letter is one too many."""
    dead, seen = dead_letter_queues(production), looked_at(production)
    for queue in production.all("AWS::SQS::Queue"):
        metric = "ApproximateNumberOfMessagesVisible" if queue.name in dead else "ApproximateAgeOfOldestMessage"
        assert ("AWS/SQS", metric, name_of(queue)) in seen, queue.name


def test_a_single_dead_letter_is_an_alarm(production: System) -> None:
    for alarm in alarms(production):
        if alarm.properties.get("MetricName") == "ApproximateNumberOfMessagesVisible":
            how = (alarm.properties["ComparisonOperator"], alarm.properties["Threshold"])
            assert how == ("GreaterThanOrEqualToThreshold", 1), alarm.name


@pytest.mark.parametrize("metric", ["Errors", "Throttles"])
def test_every_function_has_alarms_of_errors_and_throttles(metric: str, production: System) -> None:
    seen = looked_at(production)
    missing = [
        function.name
        for function in production.all("AWS::Lambda::Function")
        if ("AWS/Lambda", metric, function.reference) not in seen
    ]
    assert missing == []


def test_every_table_and_each_of_its_indexes_has_an_alarm_of_refused_requests(production: System) -> None:
    watched = [d for alarm in alarms(production) for _, name, d in metrics(alarm) if name.endswith("ThrottleEvents")]
    for table in production.all("AWS::DynamoDB::Table"):
        for index in [None, *(each["IndexName"] for each in table.properties["GlobalSecondaryIndexes"])]:
            wanted = {"TableName": table.reference} | ({"GlobalSecondaryIndexName": index} if index else {})
            assert watched.count(wanted) == 2, f"{table.name} {index}: reads and writes"


def test_every_stream_and_every_api_has_its_alarms(production: System) -> None:
    seen = looked_at(production)
    for mapping in production.all("AWS::Lambda::EventSourceMapping"):
        if "StartingPosition" in mapping.properties:
            assert ("AWS/Lambda", "IteratorAge", mapping.properties["FunctionName"]) in seen, mapping.name
    for api in production.all("AWS::ApiGateway::RestApi"):
        for metric in ("5XXError", "Latency"):
            assert ("AWS/ApiGateway", metric, api.properties["Name"]) in seen, api.name


def test_an_alarm_looks_at_what_is_there(production: System) -> None:
    """A name that was mistyped would never fire."""
    (api,) = production.all("AWS::ApiGateway::RestApi")
    routes = {
        (method.upper(), path) for path, operations in api.properties["Body"]["paths"].items() for method in operations
    }
    for alarm in alarms(production):
        for namespace, name, dimensions in metrics(alarm):
            if namespace == NAMESPACE:
                assert set(dimensions) == {DEPLOYMENT, *METRICS[name].dimensions}, alarm.name
            elif "Resource" in dimensions:
                assert (dimensions["Method"], dimensions["Resource"]) in routes, alarm.name


def test_the_share_of_failed_deliveries_is_one_of_all(production: System) -> None:
    (alarm,) = [a for a in alarms(production) if a.name == "observability/DeliveriesFailing"]
    asked = {dimensions["class"] for *_, dimensions in metrics(alarm)}
    errors = re.findall(r"``(\w+)``", str(Outcome.__doc__).split("``error``")[1].split("``answer``")[0])
    assert asked == {"2xx", "3xx", "4xx", "5xx", *errors}


def test_every_alarm_tells_somebody_when_it_begins_and_when_it_is_over(production: System) -> None:
    (topic,) = production.all("AWS::SNS::Topic")
    assert topic.properties["Subscription"] == [{"Protocol": "email", "Endpoint": "operators@example.com"}]
    for alarm in alarms(production):
        assert alarm.properties["AlarmActions"] == [topic.reference], alarm.name
        assert alarm.properties["OKActions"] == [topic.reference], alarm.name
        assert alarm.properties["TreatMissingData"] in ("notBreaching", "breaching"), alarm.name


def test_an_alarm_waits_for_two_bad_minutes_of_three(production: System) -> None:
    for alarm in alarms(production):
        name, properties = alarm.name.split("/")[1], alarm.properties
        periods = {each["MetricStat"]["Period"] for each in properties.get("Metrics", []) if "MetricStat" in each}
        (period,) = periods or {properties["Period"]}
        if name in SLOW:
            times, hours = SLOW[name]
            assert (properties["EvaluationPeriods"], properties["DatapointsToAlarm"]) == (times, times), name
            assert period == hours * 3600, name
        else:
            assert (properties["DatapointsToAlarm"], properties["EvaluationPeriods"]) == (2, 3), name
            assert period == (300 if name in OF_FIVE_MINUTES else 60), name


def test_a_worker_that_cannot_start_and_one_that_does_nothing_are_alarms(production: System) -> None:
    """O-06: of each service that ECS keeps, and of the lanes that it works off."""
    by_name = {alarm.name.split("/")[1]: alarm for alarm in alarms(production)}
    for service in production.all("AWS::ECS::Service"):
        worker = service.name.removeprefix("gpu/").removesuffix("Service")
        cluster = production.of(service.properties["Cluster"]).properties["ClusterName"]
        place = {"ClusterName": cluster, "ServiceName": service.properties["ServiceName"]}
        counts = [(name, found) for ns, name, found in metrics(by_name[f"{worker}Missing"])]
        assert counts == [("DesiredTaskCount", place), ("RunningTaskCount", place)]
        idle = list(metrics(by_name[f"{worker}Idles"]))
        assert ("ECS/ContainerInsights", "RunningTaskCount", place) in idle
        scaled_in = production.resources[f"gpu/{worker}Idle"]
        assert [each for each in idle if each[0] == "AWS/SQS"] == list(metrics(scaled_in))
        least = production.parameters[f"Min{worker}s"]
        assert f"running > {least} AND" in by_name[f"{worker}Idles"].properties["Metrics"][0]["Expression"]


def test_a_certificate_that_is_not_renewed_is_an_alarm_where_its_metric_is(production: System) -> None:
    """O-06"""
    certificate = production.parameters["CertificateArn"]
    assert ("AWS/CertificateManager", "DaysToExpiry", certificate) in looked_at(production)
    elsewhere = System(production.parameters, "eu-central-1")
    assert "observability/CertificateEnds" not in elsewhere.resources


def test_a_janitor_that_does_not_run_is_an_alarm(production: System) -> None:
    (alarm,) = [a for a in alarms(production) if a.properties.get("MetricName") == "OldestQueuedJobSeconds"]
    assert alarm.properties["TreatMissingData"] == "breaching"


def test_every_alarm_has_a_runbook_and_every_runbook_an_alarm(production: System) -> None:
    named = set()
    for alarm in alarms(production):
        found = re.search(r"See infra/runbooks/([a-z-]+)\.md\.$", alarm.properties["AlarmDescription"])
        assert found, alarm.name
        named.add(found[1])
    assert production.all("AWS::Budgets::Budget")
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == named | {"spend"}


@pytest.mark.parametrize("path", sorted(RUNBOOKS.glob("*.md")), ids=lambda path: path.stem)
def test_a_runbook_says_what_is_felt_how_to_look_and_what_to_do(path: Any) -> None:
    headings = re.findall(r"^## (.+)$", path.read_text(), re.MULTILINE)
    assert headings == ["What people feel", "Look", "Do"]


def test_the_dashboard_shows_every_metric_of_ours_and_no_other(production: System) -> None:
    """O-07"""
    (dashboard,) = production.all("AWS::CloudWatch::Dashboard")
    body = json.loads(dashboard.properties["DashboardBody"])
    text = json.dumps([widget["properties"]["metrics"] for widget in body["widgets"]])
    shown = re.findall(r"\{Antiphon,([a-z,]+)\} service=\S+ MetricName=\W+(\w+)", text)
    assert {name for _, name in shown} == set(METRICS)
    for dimensions, name in shown:
        assert set(dimensions.split(",")) == {DEPLOYMENT, *METRICS[name].dimensions}, name


def test_without_an_address_there_is_nothing_to_pay_for(cloud: System) -> None:
    assert not [resource for resource in cloud.resources.values() if resource.name.startswith("observability/")]


def test_what_is_promised_and_what_burns_are_the_same(production: System) -> None:
    """O-08: 14.4 times too fast over an hour, six times over six."""
    bounds = {a.name.split("/")[1]: a.properties["Threshold"] for a in alarms(production)}
    for speed, factor in (("Fast", 14.4), ("Slow", 6)):
        assert bounds[f"ApiBurns{speed}"] == pytest.approx(factor * (1 - 0.999))
        assert bounds[f"DeliveriesBurn{speed}"] == pytest.approx(100 - factor * (100 - 99))
        for lane in LANES:
            assert bounds[f"{lane}Burns{speed}"] == pytest.approx(100 - factor * (100 - 95))
    readme = (ROOT / "README.md").read_text()
    table = readme.partition("| Promised |")[2].partition("\n\n")[0]
    promised = [line.split("|")[1:3] for line in table.splitlines() if line.startswith("| of ")]
    assert [(what.strip(), share.strip()) for what, share in promised] == [
        ("of the API's requests succeed", "99.9 %"),
        ("of the first webhook attempts are made within 10 s of the change", "99 %"),
        ("of the accepted jobs come to an end", "99.99 %"),
        ("of the jobs wait for a worker for 10 minutes at most, in the lane of either tier", "95 %"),
    ]
