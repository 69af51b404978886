"""What one laptop installation keeps, and where: the folder ANTIPHON_HOME (default `.antiphon`).

state/   the emulator's state, its port and its root key
build/   archives of functions and layers
logs/    <name>.log of every process
run/     while it runs: <name>.pid, env (shell lines for other tools), aws-config (profiles of the workers), lock
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import secrets
import shlex
import socket
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

REGION = "us-east-1"
ACCOUNT = "000000000000"


class LocalError(Exception):
    """The laptop system cannot start or go on; the text is one line that says what to do."""


@dataclass(frozen=True)
class Account:
    """The emulated account: its `port` on loopback and its root key."""

    port: int
    key: str
    secret: str

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class Home:
    """The folders of one installation; made on construction."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.state = self.path / "state"
        self.build = self.path / "build"
        self.logs = self.path / "logs"
        self.run = self.path / "run"
        # Ours alone where we make it; a folder that was there keeps its rights, and what is secret in it is closed itself.
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self.state, self.build, self.logs, self.run):
            folder.mkdir(parents=True, exist_ok=True)
        self._lock: int | None = None

    def claim(self) -> None:
        """Make this process the only one that runs this home, until it ends. Raises LocalError when another one does."""
        lock = os.open(self.run / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(lock, 100).decode() or "another process"
            os.close(lock)
            raise LocalError(
                f"{self.path} is already running ({owner}): stop that one, or start a second with another ANTIPHON_HOME "
                "and ANTIPHON_PORT."
            ) from None
        os.truncate(lock, 0)
        os.write(lock, f"process {os.getpid()}".encode())
        self._lock = lock

    @property
    def claimed(self) -> bool:
        """Whether this object holds the claim."""
        return self._lock is not None

    def release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def account(self) -> Account:
        """This home's account, made at the first call: function and queue addresses in the state carry the port."""
        file = self.state / "account.json"
        if file.exists():
            return Account(**json.loads(file.read_text()))
        account = Account(free_port(), f"LKIA{secrets.token_hex(8).upper()}", secrets.token_urlsafe(30))
        write_private(file, json.dumps(asdict(account)))
        return account

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def write_environment(self, variables: Mapping[str, str]) -> None:
        """Write run/env: lines that a shell can read, for tools beside the system."""
        lines = [f"{name}={shlex.quote(value)}\n" for name, value in variables.items()]
        write_private(self.run / "env", "".join(lines))

    def write_profiles(self, account: Account, roles: Mapping[str, str]) -> Path:
        """Write run/aws-config: one profile for each worker, which takes (and renews) the worker's role by itself."""
        root = f"[profile root]\naws_access_key_id = {account.key}\naws_secret_access_key = {account.secret}\n"
        profiles = [
            f"[profile {name}]\nrole_arn = {arn}\nsource_profile = root\nrole_session_name = {name}\n"
            for name, arn in roles.items()
        ]
        path = self.run / "aws-config"
        write_private(path, "\n".join([root, *profiles]))
        return path


def write_private(path: Path, text: str) -> None:
    """Replace a file at once, readable by its owner only."""
    new = path.with_name(f"{path.name}.next")
    with contextlib.suppress(FileNotFoundError):
        new.unlink()
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IRUSR | stat.S_IWUSR)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    new.replace(path)


def free_port() -> int:
    """A port on loopback that nothing listens on, below the range from which outgoing connections take theirs."""
    for _ in range(200):
        port = random.randint(20000, 32000)
        if not port_taken(port):
            return port
    raise LocalError("no free port was found between 20000 and 32000: close what listens there.")


def port_taken(port: int) -> bool:
    """Whether something listens on this port of loopback, or may not be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()
        except OSError:
            return True
    return False
