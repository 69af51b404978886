"""The espeak-ng process of the Espeak adapter, by ctypes over the library of the espeakng-loader wheel: text in, PCM and word marks out.

Names and numbers of the C interface are those of espeak-ng's ``speak_lib.h``, version 1.52.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from antiphon.engines.child import Answer, serve
from antiphon.engines.tempo import retimed
from antiphon.platform.errors import EngineError

_SYNCHRONOUS, _DO_NOT_EXIT = 2, 0x8000
_RATE = 1
_UTF8, _CHARACTERS = 1, 1
_END, _WORD = 0, 1

_NORMAL = 175
_SLOWEST = 80
"""Words a minute. espeak-ng takes anything below as this."""


class _Id(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    ]


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class _Library:
    """espeak-ng, which has one global state per process."""

    def __init__(self) -> None:
        import espeakng_loader

        self._lib = ctypes.CDLL(str(espeakng_loader.get_library_path()))
        self.rate = self._lib.espeak_Initialize(
            _SYNCHRONOUS, 0, str(espeakng_loader.get_data_path()).encode(), _DO_NOT_EXIT
        )
        if self.rate <= 0:
            raise EngineError("espeak-ng found no data; install espeakng-loader again")
        self._lib.espeak_Synth.argtypes = [
            ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int,
            ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p,
        ]  # fmt: skip

    def speak(self, text: str, voice: str, words_per_minute: int) -> tuple[bytes, list[tuple[int, float]]]:
        """int16 PCM at ``rate``, and (index of a character, second) of each word."""
        pcm: list[bytes] = []
        marks: list[tuple[int, float]] = []

        @_Callback
        def heard(samples: Any, count: int, events: Any) -> int:
            index = 0
            while events[index].type != _END:
                if events[index].type == _WORD:
                    marks.append((events[index].text_position - 1, events[index].audio_position / 1000))
                index += 1
            if samples and count > 0:
                pcm.append(ctypes.string_at(samples, count * 2))
            return 0

        self._lib.espeak_SetSynthCallback(heard)
        if self._lib.espeak_SetVoiceByName(voice.encode()):
            raise EngineError(f"espeak-ng does not know the voice {voice!r}", code="unknown_voice")
        self._lib.espeak_SetParameter(_RATE, words_per_minute, 0)
        data = text.encode() + b"\0"
        if self._lib.espeak_Synth(data, len(data), 0, _CHARACTERS, 0, _UTF8, None, None):
            raise EngineError("espeak-ng could not speak this text")
        self._lib.espeak_Synchronize()
        return b"".join(pcm), marks


def _answer(library: _Library, head: dict[str, Any], _: bytes) -> Answer:
    """head: ``text``, ``voice`` (espeak's name), ``speed``; PCM with ``marks`` (see ``_Library.speak``). Empty: ``rate`` only."""
    if "text" not in head:
        return {"rate": library.rate}, b""
    wanted = _NORMAL * head["speed"]
    pcm, marks = library.speak(head["text"], head["voice"], round(max(_SLOWEST, wanted)))
    if wanted < _SLOWEST and pcm:
        tempo = wanted / _SLOWEST
        slowed = retimed(np.frombuffer(pcm, "<i2").astype(np.int16), library.rate, tempo)
        pcm, marks = slowed.astype("<i2").tobytes(), [(at, second / tempo) for at, second in marks]
    return {"marks": marks}, pcm


if __name__ == "__main__":
    serve(_Library, _answer)
