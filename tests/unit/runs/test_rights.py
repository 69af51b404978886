"""L-03: what a run may do, and what waits for the user's yes (decision 20)."""

from __future__ import annotations

from typing import Any, cast

import pytest

from antiphon.devices.model import CONFIRM_WITHIN, Outcome, Status
from antiphon.engines.chat import Call
from antiphon.runs.model import Run
from antiphon.runs.tools.device import DeviceTool
from tests.unit.conftest import HeldClock
from tests.unit.devices.test_commands import House
from tests.unit.runs.test_tools import ALL
from tests.unit.runs.test_work import Model, Says, World

DONE = Outcome(Status.SUCCEEDED, {"sent": True})


class Home:
    """A run whose model sends these texts from the user's phone, one after the other: an action that is marked sensitive."""

    def __init__(self, clock: HeldClock, *texts: str) -> None:
        self.clock, self.house = clock, House(clock)
        lines = [self._call(n, text) for n, text in enumerate(texts)]
        tool = cast(Any, DeviceTool(self.house.devices, self.house.commands))
        self.world = World(clock, Model(*lines, ("Done.", ())), tool)
        self.run = self.world.go(self.world.start())

    def _call(self, number: int, text: str) -> Says:
        call = {"device_id": self.house.phone.id, "action": "send_intent", "arguments": {"text": text}}
        return "", (Call(f"c{number}", "device", call),)

    def go(self, **later: float) -> Run:
        self.clock.move(**(later or {"seconds": 1}))
        self.run = self.world.go(self.run)
        return self.run

    @property
    def waiting(self) -> str:
        (call,) = [call for call in self.run.calls if call.open]
        return str(call.output["command_id"])

    def confirm(self, command: str) -> None:
        self.house.commands.confirm("usr_1", self.house.phone.id, command)

    def done(self, command: str) -> None:
        self.house.commands.finish("usr_1", self.house.phone.id, command, DONE)


def test_a_yes_is_for_one_command_with_its_arguments_and_the_next_one_waits_for_its_own(clock: HeldClock) -> None:
    home = Home(clock, "Tea.", "Tea.", "Coffee.")
    seen: list[str] = []
    for text in ("Tea.", "Tea.", "Coffee."):
        command = home.waiting
        assert home.house.take() == [], "nothing is handed out before the yes"
        assert command not in seen
        seen.append(command)
        home.confirm(command)
        home.confirm(command)  # twice is once
        assert home.house.take() == [text]
        home.done(command)
        home.go()
    assert (home.run.status, home.run.answer) == ("succeeded", "Done.")


def test_without_a_yes_in_five_minutes_the_command_lapses_and_the_run_is_told(clock: HeldClock) -> None:
    home = Home(clock, "Tea.")
    home.go(seconds=CONFIRM_WITHIN.total_seconds() - 1)
    assert home.waiting
    home.go(seconds=40)  # the next message of the run
    assert home.run.status == "succeeded"
    (call,) = home.run.calls
    assert (call.status, call.output["code"]) == ("failed", "expired")
    assert home.house.take() == []


@pytest.mark.parametrize("tool", ALL, ids=lambda tool: tool.name)
def test_no_tool_takes_an_address_or_a_yes(tool: Any) -> None:
    """A run can neither fetch nor confirm anything."""
    taken = set(tool.parameters["properties"])
    assert not taken & {"url", "address", "callback_url", "confirm", "confirmed", "user_id"}
    assert tool.parameters["additionalProperties"] is False
