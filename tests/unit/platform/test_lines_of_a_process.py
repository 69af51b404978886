"""What a process of ours writes, whoever in it writes."""

from __future__ import annotations

import json
import subprocess
import sys

SCRIPT = """
import asyncio, logging, threading, warnings
from antiphon.platform.telemetry import process_logger

logger = process_logger("worker")
logger.append_keys(job_id="job_1")
logger.info("our own")
logging.getLogger("uvicorn.error").error("said by a %s", "library")
warnings.warn("old")
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()

async def main():
    asyncio.create_task(forgotten())
    await asyncio.sleep(0)

async def forgotten():
    raise ValueError("nobody looks")

asyncio.run(main())
raise KeyError("last")
"""


def test_libraries_warnings_and_what_nobody_caught_are_lines_of_json_too() -> None:
    """O-01: each once, and with what is known of the work at hand."""
    ended = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (1, "")
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    told = [line["message"].split(":")[0] + line.get("exception", "")[-30:] for line in lines]
    assert len(lines) == 6, told
    for line, words in zip(
        lines, ("our own", "said by a library", "old", "ZeroDivisionError", "nobody looks", "last"), strict=True
    ):
        assert words in line["message"] + line.get("exception", "")
        assert (line["service"], line["job_id"], line["timestamp"][-6:]) == ("worker", "job_1", "+00:00")
