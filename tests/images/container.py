"""A container's process without a container: the Dockerfile's command in the Dockerfile's environment, and nothing of ours beside it."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from infra.images.on_cpu import Image

PATH = os.pathsep.join(["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"])


def until(true: Callable[[], object], seconds: float, pause: float = 0.05) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(pause)


class Container:
    """settings: what `docker run --env` would give."""

    def __init__(self, image: Image, settings: Mapping[str, str], log: Path) -> None:
        self.image = image
        of_image = {key: image.here(value) for key, value in image.environment.items()}
        self.environment = {"PATH": PATH, **of_image, **settings}
        for place in ("/tmp", "/models"):
            Path(image.here(place)).mkdir(parents=True, exist_ok=True)
        self._log = log
        with log.open("w") as out:
            self._process = subprocess.Popen(
                [image.here(word) for word in image.command],
                cwd="/",
                env=self.environment,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def running(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> int:
        """As `docker stop` does; gives the exit status."""
        self._process.terminate()
        return self.ended()

    def ended(self, timeout: float = 60) -> int:
        try:
            return self._process.wait(timeout)
        finally:
            self._process.kill()
            self._process.wait()

    def health(self) -> int:
        command = [self.image.here(word) for word in self.image.health]
        return subprocess.run(command, cwd="/", env=self.environment, check=False, capture_output=True).returncode

    @property
    def said(self) -> list[dict[str, Any]]:
        """What our code logged; libraries say other things in between."""
        return [json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{")]

    @property
    def everything(self) -> str:
        return self._log.read_text()
