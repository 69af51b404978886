"""Kokoro's pipelines without any download.

Kokoro's own English pipeline fetches spaCy's en_core_web_sm when it is absent. It needs no more of it than a part-of-speech tag per
word, to choose between "the record" and "to record"; where the model is absent, a small rule tagger gives that, with misaki's own
lexicon and espeak for what is not in it.
"""

from __future__ import annotations

import re
from typing import Any

import spacy
from kokoro import KPipeline
from misaki import en, espeak
from phonemizer.backend import EspeakBackend
from spacy.language import Language

from antiphon.platform.errors import EngineError

_TAGS = {
    word: tag
    for tag, words in {
        "DT": "a an the this that these those every each some any no another both either neither all",
        "IN": "of in for on with at by from into about as than over under after before between through during against without"
        " within upon near since until because if while although though whether like",
        "TO": "to",
        "CC": "and or but nor yet so",
        "MD": "can could will would shall should may might must ca wo 'll 'd",
        "PRP": "i you he she it we they me him us them myself yourself himself herself itself ourselves themselves",
        "PRP$": "my your his her its our their",
        "VBZ": "is has does 's",
        "VBP": "am are have do 're 've 'm",
        "VBD": "was were had did",
        "VB": "be",
        "VBN": "been",
        "VBG": "being",
        "WDT": "which",
        "WP": "who whom what",
        "WRB": "how when where why",
        "EX": "there",
        "RB": "not n't very too also just only then now here never always often still again",
        "CD": "one two three four five six seven eight nine ten hundred thousand million billion",
    }.items()
    for word in words.split()
}
_PUNCTUATION = {
    ".": ".", "!": ".", "?": ".", "…": ".", ",": ",", ":": ":", ";": ":", "—": ":", "–": ":", "-": ":", "...": ":", "(": "-LRB-",
    "[": "-LRB-", ")": "-RRB-", "]": "-RRB-", "“": "``", "”": "''", '"': "''", "‘": "``", "$": "$", "£": "$", "€": "$", "#": "#",
}  # fmt: skip
_NUMBER = re.compile(r"[-+]?\d[\d.,:]*(?:st|nd|rd|th|s)?")


@Language.component("antiphon_rule_tagger")
def _tag(doc: Any) -> Any:
    for i, token in enumerate(doc):
        token.tag_ = _tag_of(token.text, doc[i - 1] if i else None)
    return doc


def _tag_of(word: str, before: Any) -> str:
    lower = word.lower()
    if word in _PUNCTUATION:
        return _PUNCTUATION[word]
    if _NUMBER.fullmatch(word):
        return "CD"
    if lower in _TAGS:
        return _TAGS[lower]
    if before is not None:
        if word[:1].isupper() and before.text not in ".!?":
            return "NNP"
        if before.tag_ in ("TO", "MD"):
            return "VB"
        if before.lower_ in ("i", "you", "we", "they"):
            return "VBP"
    if lower.endswith("ly"):
        return "RB"
    if lower.endswith("ing"):
        return "VBG"
    if lower.endswith("ed"):
        return "VBN" if before is not None and before.tag_ in ("VBZ", "VBP", "VBD", "VBN", "VB") else "VBD"
    return "NNS" if lower.endswith("s") and not lower.endswith("ss") else "NN"


class RuleG2P(en.G2P):  # type: ignore[misc]
    """misaki's English G2P, tagged by rules. Its own constructor would download, so its fields are set here."""

    def __init__(self, *, british: bool) -> None:
        self.version, self.british, self.unk = None, british, ""
        self.nlp = spacy.blank("en")
        self.nlp.add_pipe("antiphon_rule_tagger")
        self.lexicon = en.Lexicon(british)
        self.fallback = fallback(british=british)


def fallback(*, british: bool) -> espeak.EspeakFallback:
    """misaki's own would say "hi" before a word of Hindi: the names of languages that espeak-ng puts around foreign words are phonemes to it."""
    found = espeak.EspeakFallback(british=british)
    found.backend = EspeakBackend(
        language="en-gb" if british else "en-us",
        preserve_punctuation=True,
        with_stress=True,
        tie="^",
        language_switch="remove-flags",
    )
    return found


def make_pipeline(model: Any, code: str) -> KPipeline:
    """code: Kokoro's letter of the language. Raises EngineError for one whose G2P package is not installed."""
    if code in "ab" and not spacy.util.is_package("en_core_web_sm"):
        pipeline = KPipeline(
            lang_code="e", repo_id="local", model=model
        )  # the Spanish one loads nothing; its G2P is replaced
        pipeline.lang_code, pipeline.g2p = code, RuleG2P(british=code == "b")
        return pipeline
    try:
        pipeline = KPipeline(lang_code=code, repo_id="local", model=model)
    except ImportError as error:
        raise EngineError(
            f"Kokoro cannot pronounce this language here: {error}; install misaki[ja] or misaki[zh]"
        ) from error
    if code in "ab":
        pipeline.g2p.fallback = fallback(british=code == "b")
    return pipeline
