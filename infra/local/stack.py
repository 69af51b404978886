"""The whole system on this machine, for `make run` and for tests:

    with LocalStack(home, port=0) as stack:
        stack.url, stack.endpoint, stack.outputs, stack.client("s3"), stack.kill("transcriber"), stack.restart("emulator")

Starts the emulator, deploys the template, starts the workers and the edge, and starts again whatever dies.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.local.home import ACCOUNT, REGION, Home, LocalError, free_port, port_taken
from infra.local.process import Command, Process, stop_leftover, trim_log

if TYPE_CHECKING:
    import boto3

ROOT = Path(__file__).resolve().parents[2]
EMULATOR_PYTHON = ROOT / ".venvs/emulator/bin/python"
FREE_BYTES = 300_000_000
LOW_BYTES = 100_000_000
LAPTOP = {
    "Transcriber": "pocketsphinx",
    "Synthesizer": "espeak",
    "AllowLocalCallbacks": "true",
    "TlsOnly": "false",
    "AuthorizerTtl": "0",
    "AuthRequestsPerMinute": "6000",
    "MailFrom": "antiphon@localhost.localdomain",
    "TrustedByWorkers": f"arn:aws:iam::{ACCOUNT}:root",
    "WebOrigin": "<url>",
    "SocketsAt": "<endpoint>/_aws/execute-api",
    "GpuWorkers": "none",
    "WebApp": "false",
}
"""Parameters of template.yaml that make it a laptop's; <url> is where the edge answers, <endpoint> where its AWS does."""


@dataclass(frozen=True)
class Worker:
    """A process of our own beside the functions. role: the stack output with the role that it takes."""

    name: str
    script: Path
    role: str


WORKERS = (
    Worker("transcriber", ROOT / "functions/transcriber/worker.py", "TranscriberRoleArn"),
    Worker("synthesizer", ROOT / "functions/synthesizer/worker.py", "SynthesizerRoleArn"),
)
STREAMS = {
    "/v1/": Worker("stream", ROOT / "functions/messages/stream.py", "MessagesRoleArn"),
    "/v1/audio/": Worker("audio", ROOT / "functions/audio/stream.py", "AudioRoleArn"),
}
"""Answers that come piece by piece, by the beginning of their paths: the emulator's gateway gives them whole."""
STREAMING = {worker.name for worker in STREAMS.values()}


class LocalStack:
    """See the module. `port`: of the edge, 0 for a free one; `iam_log`: gets each decision of IAM on behalf of a role, as a line of JSON;
    `model_keys`: of the providers of chat models, by their names; `say`: gets each line meant for a person."""

    def __init__(
        self,
        home: Path,
        port: int = 0,
        parameters: Mapping[str, str] | None = None,
        template: Path = ROOT / "template.yaml",
        workers: Sequence[Worker] = WORKERS,
        build: Path | None = None,
        iam_log: Path | None = None,
        model_keys: Mapping[str, str] | None = None,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.home = Home(home)
        self.port = port
        self.outputs: Mapping[str, str] = {}
        self._parameters = LAPTOP if parameters is None else parameters
        self._template = template
        self._workers = workers
        self._build = build or self.home.build
        self._iam_log = iam_log
        self._model_keys = model_keys or {}
        self._say = say
        self._processes: dict[str, Process] = {}
        self.stream_ports = {name: free_port() for name in sorted(STREAMING)}
        self._streams_since: dict[str, int | None] = {}
        self._spares: list[Process] = []
        self._due: dict[str, float] = {}
        self._next_look, self._low = 0.0, False
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True, name="watch")

    @property
    def url(self) -> str:
        """Where the system answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def endpoint(self) -> str:
        """Where its AWS answers (AWS_ENDPOINT_URL)."""
        return self.home.account().endpoint

    @property
    def session(self) -> boto3.Session:
        """A session with the root key; pass `endpoint_url=stack.endpoint` to its clients, or call `client`."""
        import boto3

        account = self.home.account()
        return boto3.Session(account.key, account.secret, region_name=REGION)

    def client(self, service: str, **options: Any) -> Any:
        """A boto3 client of the local AWS with the root key."""
        return self.session.client(service, endpoint_url=self.endpoint, **options)

    def mails(self, to: str | None = None) -> list[dict[str, Any]]:
        """What was mailed (to this address), oldest first, as the emulator keeps it."""
        with urllib.request.urlopen(f"{self.endpoint}/_ministack/ses/messages", timeout=5) as answer:
            found = json.load(answer)["messages"].get(ACCOUNT, [])
        return [mail for mail in found if to is None or to in mail["To"]]

    def __enter__(self) -> LocalStack:
        try:
            self._start()
        except BaseException:
            self.stop_all()
            raise
        return self

    def __exit__(self, *failure: object) -> None:
        self.stop_all()

    def pid(self, name: str) -> int | None:
        return self._processes[name].pid

    def kill(self, name: str) -> None:
        """End a process at once (SIGKILL), as a crash does. It is started again like after a first crash."""
        self._processes[name].restarts = 0
        self._processes[name].signal(9)

    def spawn(self, name: str) -> Process:
        """A second process of the same kind beside the first, as scaling out gives; not started again when it ends."""
        command = self._processes[name].command
        spare = Process(command, self.home.run / f"{name}-2.pid", self.home.log(f"{name}-2"))
        spare.start()
        self._spares.append(spare)
        return spare

    def stop(self, name: str) -> None:
        """Stop a process gracefully and leave it stopped."""
        with self._lock:
            self._due.pop(name, None)
            self._processes[name].stop()

    def start(self, name: str) -> None:
        """Start a process that was stopped."""
        with self._lock:
            self._processes[name].start()
            if name == "emulator":
                self._wait_for_emulator()
                self._renew_streams()
            elif name == "edge":
                self._wait_until(lambda: port_taken(self.port), 15, "edge")
            elif name in STREAMING:
                self._wait_until(lambda: port_taken(self.stream_ports[name]), 30, name)
                self._streams_since[name] = self._processes["emulator"].pid

    def restart(self, name: str) -> None:
        """Stop gracefully and start again; returns when it answers (emulator, edge) or runs (workers)."""
        with self._lock:
            self.stop(name)
            self.start(name)

    def stop_all(self) -> None:
        """Stop everything in order: workers first, while what they write to still answers; the emulator saves last."""
        self._stopping.set()
        if not self.home.claimed:
            return
        if self._watcher.is_alive():
            self._watcher.join()
        with self._lock:
            ending = [process for name, process in self._processes.items() if name != "emulator"]
            waiting = [threading.Thread(target=process.stop) for process in (*ending, *self._spares)]
            for thread in waiting:
                thread.start()
            for thread in waiting:
                thread.join()
            if "emulator" in self._processes:
                self._processes["emulator"].stop()
        (self.home.run / "env").unlink(missing_ok=True)
        (self.home.run / "aws-config").unlink(missing_ok=True)
        self.home.release()

    def _start(self) -> None:
        from infra.local.deploy import deploy
        from infra.local.package import Packager

        self._check_disk()
        self.home.claim()
        for pid_file in self.home.run.glob("*.pid"):
            if stop_leftover(pid_file, grace=5):
                self._say(f"Stopped the {pid_file.stem} that an earlier run left behind.")
        self._choose_port()
        account = self.home.account()
        if port_taken(account.port):
            raise LocalError(
                f"port {account.port}, which the AWS of {self.home.path} answers on, is in use: stop what uses it, "
                "or take another ANTIPHON_HOME."
            )
        self._add(self._emulator())
        self.start("emulator")

        packager = Packager(self._build, EMULATOR_PYTHON)
        places = {"<url>": self.url, "<endpoint>": account.endpoint}
        parameters = {name: _placed(value, places) for name, value in self._parameters.items()}
        deployment = deploy(
            self.session, account.endpoint, self._template, "antiphon", parameters, packager, say=self._say
        )
        self.outputs = deployment.outputs
        if sender := deployment.parameters.get("MailFrom"):
            self.client("ses").verify_email_identity(EmailAddress=sender)
        if self._model_keys:
            text = json.dumps(dict(self._model_keys))
            self.client("secretsmanager").put_secret_value(SecretId=self.outputs["ModelKeys"], SecretString=text)
        processes = [*self._workers, *(each for each in STREAMS.values() if each.role in self.outputs)]
        config = self.home.write_profiles(account, {each.name: self.outputs[each.role] for each in processes})
        settings = {snake(key): value for key, value in {**deployment.parameters, **self.outputs}.items()}
        for each in processes:
            port = {"PORT": str(self.stream_ports[each.name])} if each.name in STREAMING else {}
            self._add(self._worker(each, config, {**settings, **port}))
        self._add(self._edge())
        for name in [*(each.name for each in processes), "edge"]:
            self.start(name)
        self._write_environment()
        self._watcher.start()

    def _choose_port(self) -> None:
        if self.port == 0:
            self.port = free_port()
        elif port_taken(self.port):
            raise LocalError(
                f"port {self.port} is in use: stop what uses it, or choose another: ANTIPHON_PORT={self.port + 1} make run"
            )

    def _check_disk(self) -> None:
        free = shutil.disk_usage(self.home.path).free
        if free < FREE_BYTES:
            raise LocalError(
                f"{self.home.path} has {free / 1e6:.0f} MB left and needs {FREE_BYTES / 1e6:.0f}: free some space, "
                "or set ANTIPHON_HOME to another disk."
            )

    def _add(self, command: Command) -> None:
        name = command.name
        self._processes[name] = Process(command, self.home.run / f"{name}.pid", self.home.log(name))

    def _emulator(self) -> Command:
        account = self.home.account()
        script = ROOT / "infra/local/emulator.py"
        arguments = [EMULATOR_PYTHON, script, "--state", self.home.state, "--port", account.port]
        arguments += ["--account", ACCOUNT, "--region", REGION, "--parent", os.getpid()]
        arguments += ["--iam-log", self._iam_log] if self._iam_log else []
        # A small environment: the functions see all of it.
        environment = {**machine(), "AWS_ACCESS_KEY_ID": account.key, "AWS_SECRET_ACCESS_KEY": account.secret}
        return Command("emulator", [str(a) for a in arguments], environment, self.home.path, grace=30)

    def _worker(self, worker: Worker, config: Path, settings: Mapping[str, str]) -> Command:
        environment = {
            **machine(),
            **settings,
            **self._aws(),
            "AWS_CONFIG_FILE": str(config),
            # boto3 would look into the user's own file otherwise.
            "AWS_SHARED_CREDENTIALS_FILE": str(self.home.run / "no-credentials"),
            "AWS_PROFILE": worker.name,
            "PYTHONPATH": str(ROOT / "layers/core"),
            "PYTHONUNBUFFERED": "1",
            "WORK_DIR": str(self.home.path / "work"),
        }
        return Command(worker.name, [sys.executable, str(worker.script)], environment, ROOT, grace=20)

    def _edge(self) -> Command:
        api = f"{self.endpoint}/_aws/execute-api/{self.outputs['ApiId']}/{self.outputs['ApiStage']}"
        arguments = [sys.executable, "-m", "infra.local.edge", "--port", str(self.port), "--api", api]
        arguments += ["--web", str(ROOT / "infra/web")]
        if "SocketsApiId" in self.outputs:
            place = f"{self.outputs['SocketsApiId']}/{self.outputs['SocketsStage']}"
            arguments += ["--sockets", f"{self.endpoint}/_aws/execute-api/{place}".replace("http://", "ws://", 1)]
        if self._parameters.get("FirebaseApiKey"):
            arguments += ["--sign-in", self._parameters["FirebaseSignInUrl"]]
        environment = {**machine(), "PYTHONPATH": str(ROOT / "layers/core"), "PYTHONUNBUFFERED": "1"}
        streams = {start: each.name for start, each in STREAMS.items() if each.name in self._processes}
        if streams:
            account = self.home.account()
            environment |= self._aws()
            environment |= {"AWS_ACCESS_KEY_ID": account.key, "AWS_SECRET_ACCESS_KEY": account.secret}
            for start, name in streams.items():
                arguments += ["--stream", f"{start}=http://127.0.0.1:{self.stream_ports[name]}"]
            arguments += ["--authorizer", self.outputs["AuthorizerName"]]
        return Command("edge", arguments, environment, ROOT, grace=6)

    def _aws(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def _write_environment(self) -> None:
        account = self.home.account()
        root = {"AWS_ACCESS_KEY_ID": account.key, "AWS_SECRET_ACCESS_KEY": account.secret}
        outputs = {f"ANTIPHON_{snake(key)}": value for key, value in self.outputs.items()}
        self.home.write_environment({**self._aws(), **root, "ANTIPHON_URL": self.url, **outputs})

    def _wait_for_emulator(self) -> None:
        self._wait_until(lambda: answers(f"{self.endpoint}/_ministack/health"), 60, "emulator")

    def _wait_until(self, ready: Callable[[], bool], seconds: float, name: str) -> None:
        deadline = time.monotonic() + seconds
        while not ready():
            if self._processes[name].ended() is not None or time.monotonic() > deadline:
                raise LocalError(
                    f"the {name} did not start: {last_line(self.home.log(name))} (all of it in {self.home.log(name)})"
                )
            time.sleep(0.05)

    def _watch(self) -> None:
        """Start again what died, later and later when it keeps dying; trim logs; say when the disk gets full."""
        pause = 0.2
        while not self._stopping.wait(pause):
            pause = 0.2
            try:
                with self._lock:
                    for process in self._processes.values():
                        self._revive(process)
                    self._renew_streams()
                self._look_after_the_disk()
            except OSError as error:
                # A full disk, say: nothing of it may end the watch.
                self._say(f"Could not look after the processes: {error}; trying again.")
                pause = 5.0

    def _renew_streams(self) -> None:
        """An emulator that was started again knows nothing of the roles that the streaming servers took. Workers notice that and end; these serve on."""
        emulator = self._processes["emulator"]
        for name in sorted(STREAMING & set(self._processes)):
            known = self._processes[name].pid is None or emulator.pid in (None, self._streams_since.get(name))
            if not known and answers(f"{self.endpoint}/_ministack/health"):
                self.restart(name)

    def _look_after_the_disk(self) -> None:
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + 5
        for process in self._processes.values():
            trim_log(process.log)
        free = shutil.disk_usage(self.home.path).free
        if free < LOW_BYTES and not self._low:
            self._say(f"The disk of {self.home.path} is almost full ({free / 1e6:.0f} MB left): free some space.")
        self._low = free < LOW_BYTES

    def _revive(self, process: Process) -> None:
        status = process.ended()
        if status is None:
            if process.restarts and process.ran_for() > 60:
                process.restarts = 0
            return
        if process.name not in self._due:
            delay = min(0.5 * 2**process.restarts, 30.0)
            self._due[process.name] = time.monotonic() + delay
            process.restarts += 1
            self._say(
                f"{process.name} ended ({describe(status)}): {last_line(process.log)}; restart {process.restarts} in "
                f"{delay:.1f} s. Log: {process.log}"
            )
        elif time.monotonic() >= self._due[process.name]:
            process.start()
            del self._due[process.name]


def machine() -> dict[str, str]:
    """What a process needs of this machine's environment, and nothing else of it."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE")
    return {name: os.environ[name] for name in kept if name in os.environ}


def _placed(value: str, places: Mapping[str, str]) -> str:
    for name, address in places.items():
        value = value.replace(name, address)
    return value


def snake(name: str) -> str:
    """UploadsBucket → UPLOADS_BUCKET, as the functions' own settings are named."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()


def describe(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit status {status}"


def last_line(log: Path) -> str:
    """The last words of a process, for the line that says that it ended."""
    if not log.exists():
        return "no output"
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 4000))
        lines = file.read().decode(errors="replace").split("\n")
    return next((line.strip()[:200] for line in reversed(lines) if line.strip()), "no output")


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False
