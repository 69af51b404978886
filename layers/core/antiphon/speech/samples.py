"""Samples of the voices: each says one sentence in its language, made once with the engine of the deployment and kept in the bucket of results.

They are of no user. Who makes them: see sampling.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from antiphon.engines.ports import Voice
from antiphon.media.formats import FORMATS
from antiphon.speech.ports import Objects

FORMAT = FORMATS["mp3"]
SAID: Mapping[str, str] = MappingProxyType(
    {
        "ar": "مرحبا. هذا هو صوتي.",
        "de": "Guten Tag. So klingt meine Stimme.",
        "en": "Hello. This is what my voice sounds like.",
        "es": "Hola. Así suena mi voz.",
        "fr": "Bonjour. Voici ma voix.",
        "he": "שלום. כך נשמע הקול שלי.",
        "hi": "नमस्ते। यह मेरी आवाज़ है।",
        "it": "Ciao. Questa è la mia voce.",
        "ja": "こんにちは。これが私の声です。",
        "nl": "Hallo. Zo klinkt mijn stem.",
        "pt": "Olá. Esta é a minha voz.",
        "ru": "Здравствуйте. Так звучит мой голос.",
        "zh": "你好。这就是我的声音。",
    }
)
"""By language, without its region."""


def said_by(voice: Voice) -> str:
    """What the sample of this voice says."""
    return SAID[voice.language.split("-")[0]]


def place_of(voice: Voice) -> str:
    """The key of its sample: that of one engine never stands for another's."""
    return f"samples/{voice.engine}/{voice.id}.{FORMAT.extension}"


class Samples:
    """voices: all of the synthesizer that speaks here."""

    def __init__(self, *, objects: Objects, bucket: str, voices: Iterable[Voice]) -> None:
        self._objects = objects
        self._bucket = bucket
        self._ids = {place_of(voice): voice.id for voice in voices}
        self._made: frozenset[str] = frozenset()

    def made(self) -> frozenset[str]:
        """Ids of the voices that can be heard: a request to the bucket, and none any more once all are there."""
        if len(self._made) < len(self._ids):
            folders = {f"{place.rpartition('/')[0]}/" for place in self._ids}
            found = {key for folder in sorted(folders) for key in self._objects.keys(self._bucket, folder)}
            self._made = frozenset(self._ids[key] for key in found & self._ids.keys())
        return self._made

    def address(self, voice: Voice) -> str:
        """Where its sample is heard, for a quarter of an hour."""
        name = f"{voice.id}.{FORMAT.extension}"
        return self._objects.presign_get(self._bucket, place_of(voice), filename=name, content_type=FORMAT.content_type)

    def keep(self, voice: Voice, sample: bytes) -> bool:
        """Whether it was the first: one that is there stays."""
        return self._objects.create(self._bucket, place_of(voice), sample, content_type=FORMAT.content_type)
