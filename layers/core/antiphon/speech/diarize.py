"""Who speaks when in a recording, as a step of a transcription and as a job of its own."""

from __future__ import annotations

from antiphon.engines.ports import Diarizer, Speakers, Turn
from antiphon.speech.progress import Progress
from antiphon.speech.recordings import Prepared, Recordings
from antiphon.work.lease import Lease


def diarized(
    diarizer: Diarizer,
    recordings: Recordings,
    progress: Progress,
    lease: Lease,
    prepared: Prepared,
    speakers: Speakers,
    done: int,
) -> tuple[Turn, ...]:
    """The turns; the job's progress grows from ``done`` percent on. Raises LeaseLost and Drained soon after they are due: it is begun anew."""
    shown = done

    def tell(share: float) -> None:
        nonlocal shown
        lease.check()
        percent = done + int((98 - done) * share)
        if percent > shown:
            shown = percent
            progress.advance(stage="diarizing", progress=percent)

    with recordings.whole(prepared, lease) as samples:
        return diarizer.diarize(samples, speakers, tell)
