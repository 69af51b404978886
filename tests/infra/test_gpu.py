"""I-05, Q-30, Q-32: the GPU workers start when work waits, leave when none is there, and no deployment or scaling ends a job."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from antiphon.work.process import Settings
from antiphon.work.worker import DRAIN, DROP
from infra.images.on_cpu import read
from tests.infra.system import Resource, System
from tests.load.scaling import Rules

DIGEST = f"sha256:{'ab' * 32}"
IMAGES = {"TranscriberImage": DIGEST, "SynthesizerImage": DIGEST}
WORKERS = {
    "Transcriber": ("TRANSCRIPTION", "TRANSCRIBER", "Transcription"),
    "Synthesizer": ("SPEECH", "SYNTHESIZER", "Speech"),
}
each = pytest.mark.parametrize("worker", WORKERS)
LONGEST_WAIT = 120
"""Seconds between SIGTERM and the end that ECS allows at most, and that a Spot notice gives."""


@pytest.fixture(scope="module")
def running() -> System:
    """Both images are there."""
    return System({**IMAGES, "ModelsBucket": "my-models"})


def of(system: System, worker: str, part: str) -> Resource:
    return system.resources[f"gpu/{worker}{part}"]


def container(system: System, worker: str) -> dict[str, Any]:
    (only,) = of(system, worker, "Task").properties["ContainerDefinitions"]
    return dict(only)


def test_a_laptop_has_none_of_it() -> None:
    """The emulator knows neither capacity providers nor scaling."""
    kinds = {resource.name.split("/")[0] for resource in System({"GpuWorkers": "none", **IMAGES}).resources.values()}
    assert {"network", "gpu"} & kinds == set()


def test_before_there_is_an_image_there_is_a_place_for_it_and_nothing_that_costs(cloud: System) -> None:
    assert {"gpu/TranscriberRepository", "gpu/SynthesizerRepository"} <= set(cloud.resources)
    kinds = {resource.kind for resource in cloud.resources.values()}
    assert not {"AWS::ECS::Service", "AWS::CloudWatch::Alarm"} & {
        resource.kind for name, resource in cloud.resources.items() if name.startswith("gpu/")
    }
    assert "AWS::EC2::NatGateway" not in kinds
    assert not [e for e in cloud.all("AWS::EC2::VPCEndpoint") if e.properties["VpcEndpointType"] == "Interface"]


def test_one_image_alone_is_enough() -> None:
    one = System({"TranscriberImage": DIGEST})
    assert [service.name for service in one.all("AWS::ECS::Service")] == ["gpu/TranscriberService"]


@each
def test_an_image_is_scanned_never_replaced_and_named_by_its_digest(worker: str, running: System) -> None:
    """I-05, I-10."""
    repository = of(running, worker, "Repository").properties
    assert repository["ImageTagMutability"] == "IMMUTABLE"
    assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}
    key = running.resources["keys/DataKey"].attribute("Arn")
    assert repository["EncryptionConfiguration"] == {"EncryptionType": "KMS", "KmsKey": key}
    (rule,) = json.loads(repository["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
    assert rule["action"] == {"type": "expire"}
    assert container(running, worker)["Image"] == f"<gpu/{worker}Repository.RepositoryUri>@{DIGEST}"


@each
def test_a_container_is_nobody_and_writes_to_two_places_only(worker: str, running: System) -> None:
    found = container(running, worker)
    assert found["User"] == "1001"
    assert found["ReadonlyRootFilesystem"] is True
    assert found["Privileged"] is False
    assert found["LinuxParameters"] == {"Capabilities": {"Drop": ["ALL"]}}
    assert {mount["ContainerPath"] for mount in found["MountPoints"]} == {"/tmp", "/models"}
    volumes = of(running, worker, "Task").properties["Volumes"]
    assert {volume["Name"] for volume in volumes} == {mount["SourceVolume"] for mount in found["MountPoints"]}
    assert all(set(volume) == {"Name"} for volume in volumes), "none is a folder of the host"


@each
def test_it_has_the_whole_notice_to_hand_its_job_back(worker: str, running: System) -> None:
    """Q-30, Q-32."""
    assert container(running, worker)["StopTimeout"] == LONGEST_WAIT
    assert DRAIN + DROP < LONGEST_WAIT


@each
def test_its_health_is_that_of_its_image(worker: str, running: System) -> None:
    """ECS does not read the check of an image, so the task repeats it (decisions/0032)."""
    check = container(running, worker)["HealthCheck"]
    image = read(worker.lower())
    assert check["Command"] == ["CMD", *image.health]


@each
def test_it_is_given_what_it_reads(worker: str, running: System) -> None:
    kind, variable, lane = WORKERS[worker]
    image = read(worker.lower()).environment
    given = {pair["Name"]: str(pair["Value"]) for pair in container(running, worker)["Environment"]}
    assert not set(given) & set(image), "what the image says is not said again"
    settings = Settings.read(kind, variable, {**image, **given})
    assert settings.queues == (
        ("priority", f"<messaging/{lane}PriorityQueue>"),
        ("standard", f"<messaging/{lane}Queue>"),
    )
    assert settings.table == "<data/Table>"
    assert settings.results_bucket == "<data/Results>"
    assert settings.lease.total_seconds() == running.parameters["LeaseSeconds"]
    assert settings.models is not None
    assert settings.models.uri == "s3://my-models/antiphon"
    assert settings.alive_file == Path(read(worker.lower()).environment["ALIVE_FILE"])


@each
def test_models_in_the_image_are_looked_for_nowhere_else(worker: str) -> None:
    system = System(IMAGES)
    given = {pair["Name"]: pair["Value"] for pair in container(system, worker)["Environment"]}
    assert given["MODELS_URI"] == ""
    assert "my-models" not in str(system.resources[f"jobs/{worker}Role"].properties)


@each
def test_it_may_read_its_models_and_protect_itself_and_nothing_more_than_before(worker: str, running: System) -> None:
    """Q-32: the agent asks for the protection in the name of the task's role."""

    def statements(system: System) -> list[dict[str, Any]]:
        (policy,) = system.resources[f"jobs/{worker}Role"].properties["Policies"]
        return list(policy["PolicyDocument"]["Statement"])

    plain = statements(System({"GpuWorkers": "none"}))
    assert [s for s in statements(running) if s not in plain] == [
        {
            "Sid": "ProtectItself",
            "Effect": "Allow",
            "Action": ["ecs:UpdateTaskProtection"],
            "Resource": [
                "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:task/${AWS::StackName}/*",
            ],
        },
        {
            "Sid": "ReadModels",
            "Effect": "Allow",
            "Action": ["s3:GetObject"],
            "Resource": ["arn:${AWS::Partition}:s3:::my-models/antiphon/*"],
        },
        {
            "Sid": "MissModels",
            "Effect": "Allow",
            "Action": ["s3:ListBucket"],
            "Resource": ["arn:${AWS::Partition}:s3:::my-models"],
        },
    ]
    assert running.resources["gpu/Cluster"].properties["ClusterName"] == "${AWS::StackName}"


@each
def test_its_log_ends_and_never_stops_the_work(worker: str, running: System) -> None:
    group = of(running, worker, "Logs").properties
    assert group["RetentionInDays"] == running.parameters["LogRetentionDays"]
    assert group["KmsKeyId"] == "<keys/DataKey.Arn>"
    assert group["LogGroupName"].startswith("/antiphon/${AWS::StackName}/"), "the key serves groups of this name"
    log = container(running, worker)["LogConfiguration"]
    assert log["LogDriver"] == "awslogs"
    assert log["Options"]["awslogs-group"] == f"<gpu/{worker}Logs>"
    assert log["Options"]["mode"] == "non-blocking"


@each
def test_a_service_begins_with_nothing_and_keeps_what_is_wanted_warm(worker: str, running: System) -> None:
    assert of(running, worker, "Service").properties["DesiredCount"] == 0
    warm = System({**IMAGES, f"Min{worker}s": 2})  # type: ignore[dict-item]
    assert of(warm, worker, "Service").properties["DesiredCount"] == 2
    assert of(warm, worker, "Scaling").properties["MinCapacity"] == 2
    assert of(running, worker, "Scaling").properties["MaxCapacity"] == running.parameters[f"Max{worker}s"]


@each
def test_the_first_worker_is_on_demand_and_the_others_are_spot(worker: str, running: System) -> None:
    base, rest = of(running, worker, "Service").properties["CapacityProviderStrategy"]
    assert base == {"CapacityProvider": "<gpu/OnDemandCards>", "Base": 1, "Weight": 0}
    assert rest == {"CapacityProvider": "<gpu/SpotCards>", "Weight": 1}
    options = {
        p.name: p.properties["ManagedInstancesProvider"]["InstanceLaunchTemplate"]["CapacityOptionType"]
        for p in running.all("AWS::ECS::CapacityProvider")
    }
    assert options == {"gpu/OnDemandCards": "ON_DEMAND", "gpu/SpotCards": "SPOT"}


def test_an_instance_has_one_card_and_a_task_takes_it(running: System) -> None:
    for provider in running.all("AWS::ECS::CapacityProvider"):
        needs = provider.properties["ManagedInstancesProvider"]["InstanceLaunchTemplate"]["InstanceRequirements"]
        assert needs["AcceleratorCount"] == {"Min": 1, "Max": 1}
        assert needs["AcceleratorManufacturers"] == ["nvidia"]
    for task in running.all("AWS::ECS::TaskDefinition"):
        (only,) = task.properties["ContainerDefinitions"]
        assert only["ResourceRequirements"] == [{"Type": "GPU", "Value": "1"}]
        assert task.properties["RequiresCompatibilities"] == ["MANAGED_INSTANCES"]
        assert int(task.properties["Memory"]) < 16_000, "of the smallest instance some is the system's"


@each
def test_a_deployment_frees_a_card_before_it_takes_one_and_goes_back_when_it_fails(
    worker: str, running: System
) -> None:
    """More than 100 % would need a second card for each; what works on a job is protected by itself (Q-32)."""
    deployment = of(running, worker, "Service").properties["DeploymentConfiguration"]
    assert (deployment["MinimumHealthyPercent"], deployment["MaximumPercent"]) == (0, 100)
    assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
    assert of(running, worker, "Service").properties["AvailabilityZoneRebalancing"] == "DISABLED"


def metrics(alarm: Resource) -> dict[tuple[str, str], str]:
    """(queue, what of it) → the name that the expression knows it by."""
    found = {}
    for metric in alarm.properties["Metrics"]:
        if "MetricStat" in metric:
            stat = metric["MetricStat"]
            (dimension,) = stat["Metric"]["Dimensions"]
            assert (stat["Period"], metric["ReturnData"]) == (60, False)
            found[dimension["Value"], stat["Metric"]["MetricName"]] = metric["Id"]
    return found


def expression(alarm: Resource) -> str:
    (only,) = [m["Expression"] for m in alarm.properties["Metrics"] if "Expression" in m]
    return str(only)


def lanes_of(worker: str) -> set[tuple[str, str]]:
    """(queue, what of it): of both lanes, what waits and what workers have in hand."""
    lane = WORKERS[worker][2]
    return {
        (f"<messaging/{lane}{queue}Queue.QueueName>", f"ApproximateNumberOfMessages{state}")
        for queue in ("", "Priority")
        for state in ("Visible", "NotVisible")
    }


@each
def test_work_in_either_lane_says_how_many_workers_there_are(worker: str, running: System) -> None:
    """Those who work count too: whoever counted only what waits would stop a worker for each that started."""
    alarm = of(running, worker, "Backlog")
    names = metrics(alarm)
    assert set(names) == lanes_of(worker)
    assert expression(alarm) == f"SUM([{', '.join(f'FILL({name}, 0)' for name in names.values())}])"
    properties = alarm.properties
    assert (properties["ComparisonOperator"], properties["Threshold"]) == ("GreaterThanOrEqualToThreshold", 1)
    assert (properties["EvaluationPeriods"], properties["TreatMissingData"]) == (1, "notBreaching")
    assert properties["AlarmActions"] == [f"<gpu/{worker}Out>"]


@each
def test_workers_go_only_when_nothing_waits_and_nothing_is_in_hand(worker: str, running: System) -> None:
    """A long job alone in its lane has no message that waits."""
    alarm = of(running, worker, "Idle")
    names = metrics(alarm)
    assert set(names) == lanes_of(worker)
    # Of what is in hand SQS says nothing while nothing is.
    terms = [f"FILL({name}, 0)" if "hand" in name else name for name in names.values()]
    assert sorted(re.findall(r"FILL\(\w+, 0\)|\w+", expression(alarm).removeprefix("SUM"))) == sorted(terms)
    properties = alarm.properties
    assert (properties["ComparisonOperator"], properties["Threshold"]) == ("LessThanOrEqualToThreshold", 0)
    assert properties["EvaluationPeriods"] == running.parameters["IdleMinutes"]
    assert properties["TreatMissingData"] == "notBreaching", "a queue that says nothing is not known to be empty"
    assert properties["AlarmActions"] == [f"<gpu/{worker}In>"]
    step = of(running, worker, "In").properties["StepScalingPolicyConfiguration"]
    assert step["StepAdjustments"] == [{"MetricIntervalUpperBound": 0, "ScalingAdjustment": 0}]


@each
def test_the_steps_have_no_gap_and_grow(worker: str, running: System) -> None:
    policy = of(running, worker, "Out").properties["StepScalingPolicyConfiguration"]
    assert policy["AdjustmentType"] == "ExactCapacity"
    steps = policy["StepAdjustments"]
    assert steps[0]["MetricIntervalLowerBound"] == 0
    for lower, upper in itertools.pairwise(steps):
        assert lower["MetricIntervalUpperBound"] == upper["MetricIntervalLowerBound"]
        assert lower["ScalingAdjustment"] < upper["ScalingAdjustment"]
    assert "MetricIntervalUpperBound" not in steps[-1]


@each
def test_the_rules_are_those_that_were_simulated(worker: str, running: System) -> None:
    """decisions/0051. The steps of the template count from the alarm's threshold."""
    policy = of(running, worker, "Out").properties["StepScalingPolicyConfiguration"]
    steps = tuple((1 + s["MetricIntervalLowerBound"], s["ScalingAdjustment"]) for s in policy["StepAdjustments"])
    base, rest = of(running, worker, "Service").properties["CapacityProviderStrategy"]
    simulated = Rules()
    if worker == "Synthesizer":  # the same rules for fewer cards
        simulated = replace(simulated, most=2)
    assert simulated == Rules(
        steps=steps,
        idle_minutes=of(running, worker, "Idle").properties["EvaluationPeriods"],
        least=of(running, worker, "Scaling").properties["MinCapacity"],
        most=of(running, worker, "Scaling").properties["MaxCapacity"],
        on_demand_base=base["Base"],
        on_demand_weight=base["Weight"],
        spot_weight=rest["Weight"],
    )


def test_the_cluster_tells_how_it_is(running: System) -> None:
    (cluster,) = running.all("AWS::ECS::Cluster")
    assert cluster.properties["ClusterSettings"] == [{"Name": "containerInsights", "Value": "enabled"}]
