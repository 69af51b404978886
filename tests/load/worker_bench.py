"""Figures of the workers with their real engines: our worker beside the bare engine, on the CPU, with random weights of a real size.

The engines live in an environment of their own; `python -m tests.load.worker_bench …`, by its Python, is the part that runs there.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import time
import wave
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

RECORDINGS = 20
SECONDS = (5, 8, 12, 20, 35, 15, 28, 10, 50, 18)
"""Of the recordings, again and again: mostly short, as what people send."""
WARM = 9
THREADS = 1
"""Of each engine: a core is left for the emulator, which is no part of what is measured."""
BATCH = 4
SENTENCE = "The meeting starts at nine in the morning."
LONG = 60
"""Sentences of the long text."""


def workers() -> Iterator[Any]:
    from tests.images.account import small_account

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with small_account(folder) as account:
            yield from _transcriber(account, folder)
            yield from _synthesizer(account, folder)


def _transcriber(account: Any, folder: Path) -> Iterator[Any]:
    from antiphon.speech.model import Kind
    from antiphon.speech.once import ALONE
    from tests.load.figures import Figure, quantile

    _engines("whisper", folder / "whisper")
    recordings = [_recording(SECONDS[number % len(SECONDS)]) for number in range(RECORDINGS)]
    for number, body in enumerate(recordings):
        (folder / f"{number:02d}.wav").write_bytes(body)
    settings = {
        "TRANSCRIBER": "whisperx",
        "WHISPERX_MODEL_DIR": str(folder / "whisper"),
        "WHISPERX_DEVICE": "cpu",
        "WHISPERX_COMPUTE_TYPE": "int8",
        "WHISPERX_THREADS": str(THREADS),
    }
    # Alone: of recordings that are the same, the second would be a copy of what the first one gave.
    options = {"language": "en", "align": False, "batch_size": BATCH, ALONE: True}

    def work(bodies: Sequence[bytes]) -> list[Any]:
        jobs = [account.job(Kind.TRANSCRIPTION, body, "audio/wav", **options) for body in bodies]
        return [worker.ended(account, job) for job in jobs]

    before = float(_engines("bare", folder))
    with _worker("transcriber", account, settings, folder) as worker:
        work(recordings[:1])  # what is cold warms up
        done = work(recordings)
        waited = [_started_after(job) for job in (work([_recording(2)])[0] for _ in range(WARM))]
    after = float(_engines("bare", folder))
    spent = (max(job.finished_at for job in done) - min(job.started_at for job in done)).total_seconds()
    busy = sum(job.busy_ms for job in done) / 1000 / spent
    ratio = (before + after) / 2 / spent
    yield Figure(
        "Worker with WhisperX, 20 recordings of mixed length, of bare `whisperx`",
        "≥ 0.97",
        f"{ratio:.2f}",
        ratio >= 0.97,
    )
    yield Figure("  of that time with a job in hand", "≥ 0.95", f"{busy:.2f}", busy >= 0.95)
    start = quantile(waited, 0.5)
    yield Figure("Start of a job on a warm worker after its message, p50", "≤ 0.5 s", f"{start:.2f} s", start <= 0.5)


def _synthesizer(account: Any, folder: Path) -> Iterator[Any]:
    from antiphon.speech.model import Kind
    from antiphon.speech.once import ALONE
    from tests.load.figures import Figure, quantile

    _engines("kokoro", folder / "kokoro")
    settings = {"SYNTHESIZER": "kokoro", "KOKORO_MODEL_DIR": str(folder / "kokoro"), "KOKORO_DEVICE": "cpu"}

    def first_audio(sentences: int) -> float:
        """Seconds from the claim until the first sentence can be fetched."""
        text = " ".join([SENTENCE] * sentences)
        job = account.job(Kind.SPEECH, text.encode(), "text/plain", voice="af_heart", format="mp3", **{ALONE: True})
        worker.until(lambda: list(account.store.marks(job.id, limit=1)) or account.now(job).terminal)
        heard = time.time()
        now = account.now(job)
        assert not now.error, now.error
        assert now.started_at
        if not now.terminal:
            from antiphon.speech.model import cancel

            account.store.apply(cancel(now, datetime.now(now.started_at.tzinfo)))
            worker.ended(account, job)
        return heard - now.started_at.timestamp()

    with _worker("synthesizer", account, settings, folder) as worker:
        first_audio(1)
        alone, of_many = [], []
        for _ in range(WARM):
            alone.append(first_audio(1))
            of_many.append(first_audio(LONG))
    ratio = quantile(of_many, 0.5) / quantile(alone, 0.5)
    yield Figure(
        f"First audio of {LONG} sentences by Kokoro, of the time of one alone",
        "≤ 1.2",
        f"{ratio:.2f} ({quantile(alone, 0.5):.1f} s)",
        ratio <= 1.2,
    )


def _recording(seconds: float) -> bytes:
    """So many seconds of speech."""
    from infra.local.recordings import spoken_wav

    with wave.open(io.BytesIO(spoken_wav(6, 0.5))) as file:
        rate, width = file.getframerate(), file.getsampwidth()
        frames = file.readframes(file.getnframes())
    wanted = round(seconds * rate) * width
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes((frames * (wanted // len(frames) + 1))[:wanted])
    return target.getvalue()


def _started_after(job: Any) -> float:
    """The message is sent right after the job was made."""
    return float((job.started_at - job.created_at).total_seconds())


@dataclass(frozen=True)
class _Worker:
    process: subprocess.Popen[bytes]

    def ended(self, account: Any, job: Any) -> Any:
        self.until(lambda: account.now(job).terminal, 1)  # the emulator that answers computes on the same cores
        return account.now(job)

    def until(self, true: Callable[[], object], pause: float = 0.05) -> None:
        """Raises RuntimeError where the worker ends first."""
        from tests.images.container import until

        until(lambda: true() or self.process.poll() is not None, 900, pause)
        if self.process.returncode is not None:
            raise RuntimeError(f"The worker has ended: {self.process.returncode}")


# The environment of the engines has nothing of AWS; what it lacks comes from the one that this runs in.
_START = """
import os, runpy, sys
sys.path.append(sys.argv.pop(1))
sys.path.insert(0, os.path.dirname(sys.argv[1]))
runpy.run_path(sys.argv.pop(1), run_name="__main__")
"""


@contextmanager
def _worker(name: str, account: Any, settings: dict[str, str], folder: Path) -> Iterator[_Worker]:
    from infra.local.stack import ROOT, machine

    environment = {
        **machine(),
        **_quiet(),
        **account.environment,
        **settings,
        "WORK_DIR": str(folder / "work"),
        "LOG_LEVEL": "ERROR",
    }
    with (
        (folder / f"{name}.log").open("w") as log,
        subprocess.Popen(
            [_python(), "-c", _START, sysconfig.get_path("purelib"), str(ROOT / "functions" / name / "worker.py")],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            yield _Worker(process)
        except BaseException:
            print((folder / f"{name}.log").read_text()[-4000:], file=sys.stderr)
            raise
        finally:
            process.terminate()


def _python() -> str:
    from infra.local.checks import ENGINES_PYTHON

    return ENGINES_PYTHON


def _quiet() -> dict[str, str]:
    from infra.local.checks import TORCH_ENVIRONMENT
    from infra.local.stack import ROOT

    return {
        **TORCH_ENVIRONMENT,
        "OMP_NUM_THREADS": str(THREADS),
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "layers/core")]),
    }


def _engines(part: str, folder: Path) -> str:
    from infra.local.stack import ROOT, machine

    command = [_python(), "-m", "tests.load.worker_bench", part, str(folder)]
    return subprocess.run(
        command, cwd=ROOT, env={**machine(), **_quiet()}, check=True, stdout=subprocess.PIPE, text=True
    ).stdout.splitlines()[-1]


def write_whisper(folder: Path) -> str:
    """As large as Whisper's `tiny`: 39 M parameters."""
    from tests.load.gpu_bench import Size
    from tests.load.gpu_bench import write_whisper as write

    write(folder, Size(384, 4, 4, 6, 80, kokoro=False), "int8")
    return str(folder)


def write_kokoro(folder: Path) -> str:
    from tests.load.gpu_bench import SIZES
    from tests.load.gpu_bench import write_kokoro as write

    write(folder, replace(SIZES["tiny"], kokoro=True))
    return str(folder)


def bare(folder: Path) -> str:
    """Seconds that `whisperx` takes for the recordings one after another, from the files on."""
    import whisperx

    from tests.load.gpu_bench import samples_of

    model = whisperx.load_model(
        str(folder / "whisper"),
        "cpu",
        compute_type="int8",
        threads=THREADS,
        vad_method="pyannote",
        language="en",
        local_files_only=True,
    )
    recordings = sorted(folder.glob("*.wav"))
    model.transcribe(samples_of(recordings[0]), batch_size=BATCH, language="en")
    started = time.perf_counter()
    for path in recordings:
        model.transcribe(samples_of(path), batch_size=BATCH, language="en")
    return json.dumps(time.perf_counter() - started)


if __name__ == "__main__":
    print({"whisper": write_whisper, "kokoro": write_kokoro, "bare": bare}[sys.argv[1]](Path(sys.argv[2])))
