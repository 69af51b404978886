"""Speech faster or slower at the same pitch."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def retimed(samples: NDArray[np.int16], rate: int, tempo: float) -> NDArray[np.int16]:
    """``samples`` (int16, mono, ``rate`` Hz) at ``tempo`` (0.5–2) times the speed, by ffmpeg's atempo."""
    graph = av.filter.Graph()
    source = graph.add_abuffer(format="s16", sample_rate=rate, layout="mono", time_base=Fraction(1, rate))
    stretch, sink = graph.add("atempo", f"{tempo:.6f}"), graph.add("abuffersink")
    source.link_to(stretch)
    stretch.link_to(sink)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), 0
    graph.push(frame)
    graph.push(None)
    parts = [np.zeros(0, np.int16)]
    while True:
        try:
            parts.append(graph.pull().to_ndarray().reshape(-1).astype(np.int16, copy=False))
        except av.EOFError:
            return np.concatenate(parts)
