"""O-05: one line of JSON for each metric, in one namespace, with dimensions that nobody's id can enter."""

from __future__ import annotations

import json

import pytest

from antiphon.platform.metrics import DEPLOYMENT, METRICS, NAMESPACE, Metrics
from antiphon.platform.metrics_memory import MemoryMetrics
from antiphon.platform.telemetry import EmfMetrics

EVERY = [(name, dict.fromkeys(metric.dimensions, "some")) for name, metric in METRICS.items()]


@pytest.mark.parametrize(("name", "dimensions"), EVERY, ids=list(METRICS))
def test_a_metric_is_one_line_that_cloudwatch_reads(
    name: str, dimensions: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    EmfMetrics("antiphon-prod").put(name, 2.5, **dimensions)
    (line,) = capsys.readouterr().out.splitlines()
    written = json.loads(line)
    (described,) = written["_aws"]["CloudWatchMetrics"]
    assert described["Namespace"] == NAMESPACE
    assert described["Metrics"] == [{"Name": name, "Unit": METRICS[name].unit}]
    (keys,) = described["Dimensions"]
    assert sorted(keys) == sorted([DEPLOYMENT, *METRICS[name].dimensions])
    assert {key: written[key] for key in keys} == {DEPLOYMENT: "antiphon-prod", **dimensions}
    assert written[name] == [2.5]


def test_no_metric_has_a_dimension_of_which_there_are_as_many_as_users() -> None:
    assert {dimension for metric in METRICS.values() for dimension in metric.dimensions} == {
        "kind",
        "code",
        "class",
        "model",
    }


@pytest.mark.parametrize("metrics", [EmfMetrics("antiphon"), MemoryMetrics()], ids=["emf", "memory"])
@pytest.mark.parametrize(
    ("name", "dimensions"),
    [
        ("JobsLost", {}),
        ("JobsFailed", {"kind": "speech"}),
        ("JobsAccepted", {"kind": "speech", "user": "usr_1"}),
        ("JobsAccepted", {"kind": ""}),
    ],
)
def test_what_is_no_metric_of_ours_is_a_defect(metrics: Metrics, name: str, dimensions: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="no metric of ours"):
        metrics.put(name, **dimensions)
