"""`make run`: start everything on this machine, say where it is, keep it running until Ctrl-C.

Environment: ANTIPHON_HOME (default .antiphon), ANTIPHON_PORT (default 8000).
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any

from infra.local.deploy import DeployError
from infra.local.expand import TemplateError
from infra.local.home import LocalError
from infra.local.package import PackageError
from infra.local.stack import LAPTOP, ROOT, WORKERS, LocalStack, Worker


def say(line: str) -> None:
    # The terminal may have been closed; what runs goes on.
    with contextlib.suppress(OSError):
        print(line, flush=True)


def announce(stack: LocalStack, laptop: Mapping[str, str]) -> None:
    """Where it answers, how to begin, and what works inside."""
    sign_up = f"curl -s {stack.url}/v1/auth/register -H 'content-type: application/json' -d "
    body = """'{"email": "you@example.com", "password": "a long pass phrase"}'"""
    say(f"\nAntiphon answers at {stack.url}\n")
    say(f"  Sign up:  {sign_up}{body}")
    engines = [laptop[name] for name in ("Transcriber", "Synthesizer") if name in laptop]
    say(f"  Engines:  {', '.join(engines)}")
    say(f"  AWS:      set -a; . {stack.home.run / 'env'}; set +a")
    say(f"  Logs:     {stack.home.logs}\n\nCtrl-C stops it.\n")


class Mailbox:
    """What was mailed, printed once. Mails leave this machine by no other way. By their ids: an emulator that was killed may have lost the last ones."""

    def __init__(self, stack: LocalStack) -> None:
        self._stack = stack
        self._shown = {mail["MessageId"] for mail in self._mails()}

    def show(self) -> None:
        for mail in self._mails():
            if mail["MessageId"] not in self._shown:
                self._shown.add(mail["MessageId"])
                say(f"\nMail to {', '.join(mail['To'])}: {mail['Subject']}\n\n{mail['BodyText']}\n")

    def _mails(self) -> list[dict[str, Any]]:
        try:
            return self._stack.mails()
        except (OSError, HTTPException, ValueError):  # the emulator starts again, perhaps amid its answer; later then
            return []


MODELS = {
    "ANTIPHON_GEMINI_MODELS": "GeminiModels",
    "ANTIPHON_OPENAI_MODELS": "OpenAiModels",
    "ANTIPHON_OPENAI_URL": "OpenAiUrl",
}
"""Variables of this machine that are parameters of the template: which chat models people may choose."""
KEYS = {"ANTIPHON_GEMINI_KEY": "gemini", "ANTIPHON_OPENAI_KEY": "openai"}
"""Variables that hold the providers' keys; they go into the secret of the stack."""


def with_models(laptop: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    chosen = {MODELS[name]: value for name, value in environment.items() if name in MODELS and value}
    return {**laptop, **chosen}


def keys_of(environment: Mapping[str, str]) -> dict[str, str]:
    return {KEYS[name]: value for name, value in environment.items() if name in KEYS and value}


def port_from(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise LocalError(f"ANTIPHON_PORT is {text!r}: set it to a number from 1 to 65535.")
    return int(text)


def main(
    template: Path = ROOT / "template.yaml",
    workers: Sequence[Worker] = WORKERS,
    laptop: Mapping[str, str] = LAPTOP,
    build: Path | None = None,
) -> int:
    """Run the system of `template` until a signal; the exit status. build: where archives are kept, None for the home."""
    stopped, started = threading.Event(), threading.Event()

    def stop(*_: object) -> None:
        if not started.is_set() and not stopped.is_set():
            stopped.set()
            raise KeyboardInterrupt
        stopped.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    try:
        port = port_from(os.environ.get("ANTIPHON_PORT", "8000"))
        home = Path(os.environ.get("ANTIPHON_HOME", ROOT / ".antiphon"))
        parameters, keys = with_models(laptop, os.environ), keys_of(os.environ)
        with LocalStack(home, port, parameters, template, workers, build=build, model_keys=keys, say=say) as stack:
            started.set()
            announce(stack, laptop)
            mailbox = Mailbox(stack)
            while not stopped.wait(1):
                mailbox.show()
            say("Stopping …")
    except KeyboardInterrupt:
        return 130
    except (LocalError, DeployError, TemplateError, PackageError) as error:
        print(f"antiphon: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        print("antiphon: the disk is full: free some space, or set ANTIPHON_HOME to another disk.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
