"""`make demo`: the main job once, on real audio, from the upload to the signed callback. Exits 0 only if all of it worked.

Uses the running stack of ANTIPHON_HOME, or starts one for itself in a folder that is removed afterwards.
"""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from standardwebhooks import Webhook, WebhookVerificationError

from infra.local.person import ENDED, Person, upload
from infra.local.receiver import Got, Receiver
from infra.local.recordings import SENTENCES, spoken_m4a

MAX_WER = 0.3
"""Above this the round trip counts as failed. The embedded recogniser, hearing the embedded voice, stays well below; see the README."""
TEXT = " ".join(SENTENCES)
console = Console()


class DemoError(Exception):
    """Something did not work; the text says what."""


@dataclass
class Place:
    """A running system: where it answers, and the AWS behind it."""

    url: str
    environment: dict[str, str]

    def s3(self) -> Any:
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.environment["AWS_ENDPOINT_URL"],
            region_name=self.environment["AWS_REGION"],
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
        )


@contextmanager
def running() -> Iterator[Place]:
    """The stack that runs already, else one of our own."""
    file = Path(os.environ.get("ANTIPHON_HOME", ".antiphon")) / "run" / "env"
    if file.exists():
        place = read(file)
        if alive(place.url):
            console.print(f"Using the running system at {place.url}")
            yield place
            return
    from infra.local.stack import ROOT, LocalStack

    with tempfile.TemporaryDirectory() as folder:
        console.print("Nothing runs yet: starting a system of its own …")
        with LocalStack(Path(folder), build=ROOT / ".build", say=console.print) as stack:
            yield read(stack.home.run / "env")


def read(file: Path) -> Place:
    """file: lines ``KEY=value`` for a shell."""
    words = [shlex.split(line)[0] for line in file.read_text().splitlines() if line.strip()]
    environment = dict(word.split("=", 1) for word in words)
    return Place(environment["ANTIPHON_URL"], environment)


def alive(url: str) -> bool:
    try:
        return httpx.get(f"{url}/v1/health", trust_env=False, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def watch(person: Person, job: dict[str, Any], what: str) -> dict[str, Any]:
    """Shows a progress bar until the job has ended. Raises DemoError unless it ended well."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(what, total=100)

        def seen(found: dict[str, Any]) -> bool:
            bar.update(task, completed=found["progress"])
            return found["status"] in ENDED

        done = person.until(job, seen, 180)
    if done["status"] != "succeeded":
        raise DemoError(f"{what}: the job is {done['status']}: {done['error']}")
    return done


def verified(got: Got, secret: str, job: dict[str, Any]) -> None:
    try:
        payload = Webhook(secret).verify(got.body, got.headers)
    except WebhookVerificationError as error:
        raise DemoError(f"the signature of the callback does not verify: {error}") from error
    if payload["data"]["id"] != job["id"]:
        raise DemoError("the callback tells of another job")
    console.print(f"Callback [bold]{payload['type']}[/] came, and its signature verifies.")


def text_of(person: Person, job: dict[str, Any], show: bool = True) -> str:
    """What was heard; printed with its times."""
    segments = person.segments(job)
    for segment in segments if show else ():
        console.print(f"  [dim]{segment['start']:6.2f} – {segment['end']:6.2f}[/]  {segment['text']}")
    return " ".join(segment["text"] for segment in segments)


def words(text: str) -> list[str]:
    return "".join(c if c.isalnum() or c in "' " else " " for c in text.lower()).split()


def word_error_rate(said: str, heard: str) -> float:
    """Edits (insert, delete, replace a word) per word that was said."""
    reference, hypothesis = words(said), words(heard)
    row = list(range(len(hypothesis) + 1))
    for i, word in enumerate(reference, start=1):
        before, row[0] = row[0], i
        for j, other in enumerate(hypothesis, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (word != other))
    return row[-1] / len(reference)


def stages(rows: list[tuple[str, dict[str, Any], float]]) -> Table:
    table = Table(title="Where the time went, in milliseconds")
    names = ("queued_ms", "download_ms", "decode_ms", "transcribe_ms", "synthesize_ms", "encode_ms")
    for column in ("", "queued", "fetch", "decode", "transcribe", "speak", "encode", "whole"):
        table.add_column(column, justify="left" if not column else "right", no_wrap=True)
    for what, job, seconds in rows:
        spans = [str(job["timings"].get(name, "")) for name in names]
        table.add_row(what, *spans, str(round(seconds * 1000)))
    return table


def by_api(person: Person, receiver: Receiver, secret: str, out: Path) -> list[tuple[str, dict[str, Any], float]]:
    """Upload, transcript, callback; text, speech, and back again."""
    recording = spoken_m4a()
    started = time.perf_counter()
    wanted = {"filename": "meeting.m4a", "content_type": "audio/mp4", "size": len(recording), "language": "en"}
    created = person.post("/v1/transcriptions", wanted)
    if created.status_code != 201:
        raise DemoError(f"the transcription was not created: {created.text}")
    put = upload(created.json()["upload"], recording)
    if put.status_code != 204:
        raise DemoError(f"the upload was refused: {put.text}")
    done = watch(person, created.json(), "Transcribing")
    rows = [("upload → text", done, time.perf_counter() - started)]
    text_of(person, done)
    verified(receiver.wait_for("transcription.succeeded"), secret, done)

    started = time.perf_counter()
    voice = next(
        v["id"] for v in person.get("/v1/voices").json()["data"] if v["language"] == "en-US" and v["gender"] == "female"
    )
    spoken = watch(person, person.speak(TEXT, voice=voice, format="wav"), "Speaking")
    rows.append(("text → speech", spoken, time.perf_counter() - started))
    verified(receiver.wait_for("speech.succeeded"), secret, spoken)
    audio = httpx.get(spoken["audio_url"], trust_env=False).content
    out.write_bytes(audio)
    console.print(f"{spoken['duration']:.1f} s of speech by {spoken['engine']} are in {out}")

    started = time.perf_counter()
    back = watch(person, person.transcribe(audio, "demo-speech.wav", language="en"), "Hearing it again")
    rows.append(("speech → text", back, time.perf_counter() - started))
    rate = word_error_rate(TEXT, text_of(person, back, show=False))
    console.print(f"Word error rate of the round trip: [bold]{rate:.0%}[/] (at most {MAX_WER:.0%})")
    if rate > MAX_WER:
        raise DemoError(f"the round trip lost too many words: {rate:.0%}")
    return rows


def by_inbox(place: Place, person: Person, receiver: Receiver, secret: str) -> tuple[str, dict[str, Any], float]:
    """The same without the API: an object in the inbox, and its callback."""
    seen = len(receiver.got)
    started = time.perf_counter()
    key = f"inbox/{person.id}/meeting.m4a"
    bucket = place.environment["ANTIPHON_UPLOADS_BUCKET"]
    place.s3().put_object(Bucket=bucket, Key=key, Body=spoken_m4a(), Metadata={"language": "en"})
    console.print(f"Dropped s3://{bucket}/{key}")

    def came(got: list[Got]) -> bool:
        return any(g.json["type"].endswith(("succeeded", "failed")) for g in got[seen:])

    got = next(g for g in receiver.wait(came, 120)[seen:] if g.json["type"].endswith(("succeeded", "failed")))
    spent = time.perf_counter() - started
    done = person.job({"kind": "transcription", "id": got.json["data"]["id"]})
    if done["status"] != "succeeded":
        raise DemoError(f"the dropped file is {done['status']}: {done['error']}")
    verified(got, secret, done)
    return "inbox → text", done, spent


def main() -> int:
    out = Path("demo-speech.wav")
    try:
        with (
            running() as place,
            Receiver() as receiver,
            httpx.Client(base_url=place.url, timeout=30, trust_env=False) as http,
        ):
            person = Person.register(http)
            console.print(f"Signed up as [bold]{person.id}[/]")
            hook = person.post("/v1/webhooks", {"url": receiver.url, "events": ["transcription.*", "speech.*"]})
            if hook.status_code != 201:
                raise DemoError(f"the webhook was not created: {hook.text}")
            rows = by_api(person, receiver, hook.json()["secret"], out)
            rows.append(by_inbox(place, person, receiver, hook.json()["secret"]))
            console.print(stages(rows))
    except (DemoError, AssertionError, httpx.HTTPError) as error:
        console.print(f"[bold red]The demo failed:[/] {error}")
        return 1
    console.print("[bold green]All of it worked.[/]")
    return 0


if __name__ == "__main__":
    sys.exit(main())
