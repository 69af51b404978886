"""The lanes as the janitor looks at them, every minute."""

from __future__ import annotations

from typing import Any

from antiphon.speech.lanes import SqsLanes
from antiphon.speech.model import Kind
from antiphon.speech.outlook import Depth


class Queues:
    """SQS as far as it is used; `asked`: the queues in order."""

    def __init__(self, waiting: dict[str, int]) -> None:
        self._waiting = waiting
        self.asked: list[str] = []

    def get_queue_attributes(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked["QueueUrl"])
        numbers = dict.fromkeys(asked["AttributeNames"], "0")
        return {"Attributes": numbers | {"ApproximateNumberOfMessages": str(self._waiting[asked["QueueUrl"]])}}


def test_each_queue_is_asked_once_and_says_how_full_it_is() -> None:
    """Steps of a transcription share its lanes. A queue that is asked goes on telling CloudWatch, from which workers are started (decisions/0051)."""
    queues = Queues({"t": 3, "t-first": 1, "s": 0})
    lanes = SqsLanes(
        queues,  # type: ignore[arg-type]
        queues={
            (Kind.TRANSCRIPTION, "standard"): "t",
            (Kind.TRANSCRIPTION, "priority"): "t-first",
            (Kind.ALIGNMENT, "standard"): "t",
            (Kind.SPEECH, "standard"): "s",
        },
    )
    assert lanes.look() == {
        "transcription standard": Depth(3, 0),
        "transcription priority": Depth(1, 0),
        "speech standard": Depth(0, 0),
    }
    assert sorted(queues.asked) == ["s", "t", "t-first"]
