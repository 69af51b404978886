"""An uploaded media item is inspected: what it is goes into its row, and what is no recording is said to be none."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from antiphon.media.inspect import inspect
from antiphon.media.items import MediaStatus, MediaStore, event_of, inspected, rejected
from antiphon.media.model import Facts
from antiphon.platform.clock import Clock
from antiphon.platform.errors import MediaError, NotFound
from antiphon.speech.model import Failure
from antiphon.speech.ports import Objects


class Look:
    def __init__(
        self,
        *,
        media: MediaStore,
        objects: Objects,
        work_dir: Path,
        clock: Clock,
        inspect: Callable[[Path], Facts] = inspect,
    ) -> None:
        self._media = media
        self._objects = objects
        self._work_dir = work_dir
        self._clock = clock
        self._inspect = inspect

    def __call__(self, user_id: str, media_id: str) -> str:
        """Gives what came of it, for the log: ready, rejected or unchanged. Safe to repeat."""
        media = self._media.get(user_id, media_id)
        if media is None or media.source is None or media.status is not MediaStatus.INSPECTING:
            return "unchanged"
        source = media.source
        try:
            with tempfile.TemporaryDirectory(dir=self._work_dir) as folder:
                path = Path(folder) / "recording"
                self._objects.download(source.bucket, source.key, str(path), version=source.version)
                after = inspected(media, self._inspect(path))
        except NotFound:
            after = rejected(media, Failure("source_missing", "The uploaded file is not there any more."))
        except MediaError as error:
            after = rejected(media, Failure(error.code, error.detail))
        now = self._clock()
        if after.error:
            to, reason = f"rejected/{user_id}/{media_id}", {"reason": after.error.code}
            self._objects.move(source.bucket, source.key, to, version=source.version, metadata=reason)
        self._media.settle(after, event_of(after, after.status.value, now), leaving=MediaStatus.INSPECTING)
        return after.status.value
