"""What the routes of devices take. Bounds stand here, those of declared schemas in `antiphon.devices.schemas`; FastAPI turns a breach into a 422 that names the field."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from antiphon.devices import model
from antiphon.devices.manage import Wish
from antiphon.devices.model import EXPIRES_IN, MAX_ARGUMENTS, MAX_CAPABILITIES, MAX_RESULT, Outcome, Status
from antiphon.devices.schemas import NO_PARAMETERS


def _named(name: str) -> str:
    if not name.strip():
        raise ValueError("is empty; write something")
    return name.strip()


def _within(most: int) -> AfterValidator:
    def small(value: dict[str, Any]) -> dict[str, Any]:
        if len(json.dumps(value, ensure_ascii=False).encode()) > most:
            raise ValueError(f"may have {most} bytes as JSON")
        return value

    return AfterValidator(small)


Name = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_named)]
Action = Annotated[str, StringConstraints(pattern="^[a-z][a-z0-9_]{0,63}$")]
Description = Annotated[str, StringConstraints(max_length=500)]
Platform = Literal["android", "ios", "linux", "macos", "windows", "web", "other"]


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Capability(Shape):
    """``parameters``: JSON Schema 2020-12 of the arguments, an object; ``$ref`` only to its own ``$defs``. ``sensitive``: a run needs the user's yes."""

    action: Action
    description: Description = ""
    parameters: Annotated[dict[str, Any], Field(max_length=50)] = Field(default_factory=lambda: dict(NO_PARAMETERS))
    sensitive: bool = False

    def stated(self) -> model.Capability:
        return model.Capability(self.action, self.parameters, self.description, self.sensitive)


Capabilities = Annotated[list[Capability], Field(min_length=1, max_length=MAX_CAPABILITIES)]


class NewDevice(Shape):
    name: Name
    platform: Platform
    capabilities: Capabilities

    def stated(self) -> tuple[model.Capability, ...]:
        return tuple(capability.stated() for capability in self.capabilities)


class DeviceChange(Shape):
    """What is absent or null stays as it is; capabilities are replaced as a whole. A device itself may change its capabilities only."""

    name: Name | None = None
    capabilities: Capabilities | None = None

    def wish(self) -> Wish:
        stated = None if self.capabilities is None else tuple(c.stated() for c in self.capabilities)
        return Wish(self.name, stated)


class NewCommand(Shape):
    """``expires_in``: seconds in which the device is to answer; ``confirm``: it waits for a yes first, five minutes at most."""

    action: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    arguments: Annotated[dict[str, Any], Field(max_length=100), _within(MAX_ARGUMENTS)] = Field(default_factory=dict)
    expires_in: Annotated[int, Field(ge=model.MIN_EXPIRES_IN, le=model.MAX_EXPIRES_IN)] = EXPIRES_IN
    confirm: bool = False


class CommandError(Shape):
    code: Annotated[str, StringConstraints(pattern="^[a-z][a-z0-9_]{0,63}$")]
    detail: Annotated[str, StringConstraints(max_length=1_000)] = ""


class CommandResult(Shape):
    """``result``: whatever the device found, such as ``{"media_id": …}``; ``error``: why it failed."""

    status: Literal["succeeded", "failed"]
    result: Annotated[dict[str, Any], Field(max_length=1_000), _within(MAX_RESULT)] | None = None
    error: CommandError | None = None

    @model_validator(mode="after")
    def _one_story(self) -> CommandResult:
        if self.error is not None and self.status == "succeeded":
            raise ValueError("error belongs to a command that failed")
        return self

    def outcome(self) -> Outcome:
        return Outcome(Status(self.status), self.result, self.error and self.error.model_dump())
