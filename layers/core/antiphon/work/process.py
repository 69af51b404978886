"""What every worker process does around its work: logs, signals, a clean place to work in."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from antiphon.platform.errors import AntiphonError
from antiphon.weights.ready import Models
from antiphon.work.worker import Worker

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger

OFFLINE = {"HF_HUB_OFFLINE": "1", "PYANNOTE_METRICS_ENABLED": "0", "TOKENIZERS_PARALLELISM": "false"}
"""For the engines: nothing is fetched at run time, and nothing is told to their makers."""
REFUSED = 1
"""Exit status of a worker whose credentials are not taken any more; the one that is started in its place gets others."""
UNUSABLE = 2
"""Exit status of a worker that cannot work as it is configured."""


@dataclass(frozen=True)
class Settings:
    """``queues``: URLs of the lanes, the highest first; ``engine_settings``: what the engine's name stands before, ``WHISPERX_MODEL_DIR`` and so on;
    ``deployment``: the name of the stack, for metrics."""

    table: str
    region: str
    results_bucket: str
    queues: tuple[tuple[str, str], ...]
    engine: str
    engine_settings: Mapping[str, str]
    lease: timedelta
    work_dir: Path
    agent: str | None
    log_level: str
    models: Models | None = None
    alive_file: Path | None = None
    deployment: str = "antiphon"

    @classmethod
    def read(cls, kind: str, engine_variable: str, env: Mapping[str, str]) -> Settings:
        """kind: ``TRANSCRIPTION`` or ``SPEECH``. Raises KeyError with the name of what is missing."""
        engine, engine_settings = _engine(engine_variable, f"{env[engine_variable].upper()}_", env)
        return cls(
            table=env["TABLE_NAME"],
            region=env["AWS_REGION"],
            results_bucket=env["RESULTS_BUCKET"],
            queues=(("priority", env[f"{kind}_PRIORITY_QUEUE_URL"]), ("standard", env[f"{kind}_QUEUE_URL"])),
            engine=engine,
            engine_settings=engine_settings,
            lease=timedelta(seconds=int(env.get("LEASE_SECONDS", "60"))),
            work_dir=Path(env.get("WORK_DIR", "/tmp/antiphon")) / engine_variable.lower(),
            agent=env.get("ECS_AGENT_URI"),
            log_level=env.get("LOG_LEVEL", "INFO"),
            models=Models.read(env),
            alive_file=Path(env["ALIVE_FILE"]) if "ALIVE_FILE" in env else None,
            deployment=env.get("DEPLOYMENT", "antiphon"),
        )

    @staticmethod
    def other(variable: str, env: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
        """A further engine and its settings, which its variable stands before: ``DIARIZER``, ``DIARIZER_MODEL_DIR`` and so on. Empty for none."""
        return _engine(variable, f"{variable}_", env)


def _engine(variable: str, prefix: str, env: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
    return env.get(variable, ""), {k.removeprefix(prefix).lower(): v for k, v in env.items() if k.startswith(prefix)}


def own_folder(work_dir: Path) -> Path:
    """An empty folder of this process; those of predecessors that are no more are removed."""
    work_dir.mkdir(parents=True, exist_ok=True)
    for folder in work_dir.iterdir():
        if not (folder.name.isdigit() and _alive(int(folder.name))) or folder.name == str(os.getpid()):
            shutil.rmtree(folder, ignore_errors=True)
    own = work_dir / str(os.getpid())
    own.mkdir()
    return own


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def run(make: Callable[[], Worker], logger: Logger) -> int:
    """Runs the worker until SIGTERM or SIGINT; gives the exit status. make: loads the engine and wires the rest."""
    worker: Worker | None = None
    stopped = False

    def stop(*_: object) -> None:
        nonlocal stopped
        if stopped:  # a second signal may interrupt this very function, and the lock below is not re-entrant
            return
        stopped = True
        if worker:
            worker.stop()
        else:  # the models are still loading, and nothing is held yet
            os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        worker = make()
    except AntiphonError as error:
        logger.error("cannot start", extra={"code": error.code, "detail": error.detail})
        return UNUSABLE
    except KeyError as error:
        logger.error("cannot start", extra={"code": "setting_missing", "detail": f"set {error.args[0]}"})
        return UNUSABLE
    logger.info("ready")
    worker.run()
    sys.stdout.flush()
    return REFUSED if worker.refused else 0
