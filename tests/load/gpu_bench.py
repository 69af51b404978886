"""`make bench-gpu`: what the engines do on this machine's GPU, with models of the real size and random weights.

Random weights cost what trained ones cost, as long as the lengths are the same, so the lengths are forced: 100 tokens for each 30 s of
audio (150 to 180 words a minute), a known number of phonemes for each sentence. Measured are the bare engines, and ours beside them in the
same run. `--size tiny --device cpu` proves the program where there is no GPU; its numbers mean nothing.

It runs in an image's own environment, which `make bench-gpu` makes with Python 3.12 as the Dockerfile does.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
import wave
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

TOKENS = 100
"""Decoded for each window of 30 s."""
WINDOW = 30.0
BATCHES = (1, 8, 32)
STREAMS = (1, 2, 4, 8)
SENTENCE = "The meeting starts at nine in the morning, so please bring your notes and a cup of coffee."


@dataclass(frozen=True)
class Size:
    """Of Whisper: width, layers of encoder and decoder, heads, mel bands; ``kokoro``: whether Kokoro has its real 82 M parameters."""

    width: int
    encoder: int
    decoder: int
    heads: int
    mels: int
    kokoro: bool


SIZES = {"real": Size(1280, 32, 32, 20, 128, True), "tiny": Size(64, 1, 1, 2, 80, False)}


def took(act: Callable[[], Any], repeats: int = 2) -> float:
    """Seconds of the fastest of so many runs, after one that warms up."""
    act()
    spent = []
    for _ in range(repeats):
        started = time.perf_counter()
        act()
        spent.append(time.perf_counter() - started)
    return min(spent)


def write_whisper(folder: Path, size: Size, quantization: str) -> None:
    """A Whisper of this size in CTranslate2's format, straight from random numbers."""
    from ctranslate2.specs import whisper_spec

    languages = 100 if size.mels == 128 else 99
    vocabulary = [f"w{i}" for i in range(50256)] + ["", "<|endoftext|>", "<|startoftranscript|>", "<|en|>"]
    vocabulary += [f"<|l{i}|>" for i in range(1, languages)]
    vocabulary += [f"<|{name}|>" for name in ("translate", "transcribe", "startoflm", "startofprev", "nospeech")]
    vocabulary += ["<|notimestamps|>", *(f"<|{i * 0.02:.2f}|>" for i in range(1501))]
    random, width = np.random.default_rng(0), size.width
    kind = np.float16 if quantization == "float16" else np.float32

    def weights(*shape: int) -> Any:
        return (random.standard_normal(shape, dtype=np.float32) * 0.02).astype(kind)

    def linear(layer: Any, out: int, into: int) -> None:
        layer.weight, layer.bias = weights(out, into), weights(out)

    def norm(layer: Any) -> None:
        layer.gamma, layer.beta = np.ones(width, np.float32), np.zeros(width, np.float32)

    def attention(layer: Any, *, cross: bool) -> None:
        shapes = ((width, width), (2 * width, width), (width, width)) if cross else ((3 * width, width), (width, width))
        for part, shape in zip(layer.linear, shapes, strict=True):
            linear(part, *shape)
        norm(layer.layer_norm)

    def feed_forward(layer: Any) -> None:
        linear(layer.linear_0, 4 * width, width)
        linear(layer.linear_1, width, 4 * width)
        norm(layer.layer_norm)

    spec = whisper_spec.WhisperSpec(size.encoder, size.heads, size.decoder, size.heads)
    encoder, decoder = spec.encoder, spec.decoder
    encoder.conv1.weight, encoder.conv1.bias = weights(width, size.mels, 3), weights(width)
    encoder.conv2.weight, encoder.conv2.bias = weights(width, width, 3), weights(width)
    encoder.position_encodings.encodings = weights(1500, width)
    norm(encoder.layer_norm)
    for layer in encoder.layer:
        attention(layer.self_attention, cross=False)
        feed_forward(layer.ffn)
    decoder.embeddings.weight = weights(len(vocabulary), width)
    decoder.projection.weight = decoder.embeddings.weight
    decoder.position_encodings.encodings = weights(448, width)
    norm(decoder.layer_norm)
    for layer in decoder.layer:
        attention(layer.self_attention, cross=False)
        attention(layer.attention, cross=True)
        feed_forward(layer.ffn)
    spec.register_vocabulary(vocabulary)
    spec.config.suppress_ids, spec.config.suppress_ids_begin = [], []
    spec.config.alignment_heads = [[0, 0]]
    spec.config.lang_ids = list(range(50259, 50259 + languages))
    spec.validate()
    spec.optimize(quantization=None if quantization == "float32" else quantization)
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))
    write_tokenizer(folder, vocabulary, size)


def write_tokenizer(folder: Path, vocabulary: list[str], size: Size) -> None:
    """What WhisperX reads beside the model: a tokenizer with the same ids, and how many mel bands there are."""
    from tokenizers import AddedToken, Tokenizer, models

    words = {word: i for i, word in enumerate(vocabulary[:50257])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="w0"))
    tokenizer.add_special_tokens([AddedToken(word, special=True, normalized=False) for word in vocabulary[50257:]])
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": size.mels}))


def whisper(size: Size, device: str, compute: str, batches: Sequence[int], spoken: Any) -> Iterator[str]:
    """CTranslate2 alone, then WhisperX's pipeline, then our adapter over it, each on the same windows."""
    import ctranslate2

    with tempfile.TemporaryDirectory() as kept:
        folder = Path(kept) / "whisper"
        write_whisper(folder, size, compute)
        bare = ctranslate2.models.Whisper(str(folder), device=device, compute_type=compute)
        ids = {word: i for i, word in enumerate(json.loads((folder / "vocabulary.json").read_text()))}
        prompt = [ids[f"<|{name}|>"] for name in ("startoftranscript", "en", "transcribe", "notimestamps")]
        # Nothing but words, and twice the tokens: CTranslate2 decodes min(max_length / 2, max_length - prompt).
        forced = {"max_length": 2 * TOKENS, "suppress_blank": False}
        forced |= {"suppress_tokens": [ids["<|endoftext|>"], *range(ids["<|endoftext|>"] + 1, len(ids))]}
        for batch in batches:
            features = np.random.default_rng(0).standard_normal((batch, bare.n_mels, 3000), dtype=np.float32)
            view = ctranslate2.StorageView.from_array(features)
            tokens = 0

            def run(batch: int = batch, view: Any = view) -> None:
                nonlocal tokens
                found = bare.generate(view, [prompt] * batch, beam_size=1, **forced)
                tokens = sum(len(each.sequences_ids[0]) for each in found)

            seconds = took(run)
            assert tokens == batch * TOKENS, f"{tokens} tokens came instead of {batch * TOKENS}"
            yield row(f"Whisper, bare CTranslate2, batch {batch}", batch * WINDOW, seconds)
        yield from adapted(folder, device, compute, batches, spoken)


def adapted(folder: Path, device: str, compute: str, batches: Sequence[int], spoken: Any) -> Iterator[str]:
    """The same model through WhisperX's own pipeline and through our adapter, on one recording that is nothing but speech.

    Random weights never say that they are done, so each window has the 224 tokens that Whisper can say at most, here as there.
    """
    import whisperx

    from antiphon.engines.ports import SAMPLE_RATE, TranscriptionOptions
    from antiphon.engines.registry import make_transcriber

    samples = round(2 * max(batches) * WINDOW * SAMPLE_RATE)
    audio = np.tile(spoken, samples // len(spoken) + 1)[:samples]
    blocks = [audio[at : at + SAMPLE_RATE] for at in range(0, samples, SAMPLE_RATE)]
    bare = whisperx.load_model(
        str(folder), device, compute_type=compute, vad_method="pyannote", language="en", local_files_only=True
    )
    ours = make_transcriber("whisperx", {"model_dir": str(folder), "device": device, "compute_type": compute})
    ours.warm_up()
    for batch in batches:
        options = TranscriptionOptions(language="en", align=False, batch_size=batch)
        seconds = took(partial(bare.transcribe, audio, batch_size=batch, language="en"), 1)
        yield row(f"whisperx, batch {batch}", samples / SAMPLE_RATE, seconds)
        seconds = took(partial(heard, ours, blocks, options), 1)
        yield row(f"our adapter, batch {batch}", samples / SAMPLE_RATE, seconds)


def samples_of(recording: Path) -> Any:
    """float32, mono, 16 kHz, of a WAV file of 16 bit."""
    with wave.open(str(recording)) as file:
        rate, body = file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), "<i2")
    at = np.arange(len(body) * 16_000 // rate) * rate / 16_000
    return np.interp(at, np.arange(len(body)), body / 32768).astype(np.float32)


def heard(engine: Any, blocks: Sequence[Any], options: Any) -> None:
    for _chunk in engine.transcribe(iter(blocks), options):
        pass


def write_kokoro(folder: Path, size: Size) -> None:
    """Kokoro with random weights, and a voice; tests/engines/models/kokoro.py says what is rigged and why."""
    from tests.engines.models import kokoro

    kokoro.build(folder, ("af_heart",))
    if not size.kokoro:
        return
    import torch
    from kokoro import KModel

    config = json.loads((folder / "config.json").read_text())
    config["istftnet"] |= {"resblock_dilation_sizes": [[1, 3, 5]] * 3, "resblock_kernel_sizes": [3, 7, 11]}
    config["plbert"] |= {
        "hidden_size": 768,
        "num_attention_heads": 12,
        "intermediate_size": 2048,
        "num_hidden_layers": 12,
    }
    config["n_layer"] = 3
    (folder / "config.json").write_text(json.dumps(config))
    weights = next(folder.glob("*.pth"))
    torch.manual_seed(0)
    torch.save({}, weights)
    model = KModel(repo_id="local", config=str(folder / "config.json"), model=str(weights)).eval()
    kokoro.rig(model, config)
    torch.save({part: getattr(model, part).state_dict() for part in kokoro.PARTS}, weights)


def speech(size: Size, device: str, streams: Sequence[int]) -> Iterator[str]:
    """Kokoro's model alone, then our adapter, as many at a time as there are streams in this one process."""
    import torch
    from kokoro import KModel

    from antiphon.engines.registry import make_synthesizer

    with tempfile.TemporaryDirectory() as kept:
        folder = Path(kept)
        write_kokoro(folder, size)
        ours = make_synthesizer("kokoro", {"model_dir": kept, "device": device})
        ours.warm_up()
        bare = KModel(repo_id="local", config=str(folder / "config.json"), model=str(next(folder.glob("*.pth"))))
        bare = bare.to(device).eval()
        voice = torch.load(folder / "voices/af_heart.pt", weights_only=True)
        parameters = sum(each.numel() for each in bare.parameters()) / 1e6
        yield f"Kokoro has {parameters:.1f} M parameters here"
        phonemes = "ðə mˈitɪŋ stˈɑɹts æt nˈIn ɪn ðə mˈɔɹnɪŋ, sO plˈiz bɹˈɪŋ jʊɹ nˈOts ænd ɐ kˈʌp ʌv kˈɔfi."

        def alone() -> float:
            return len(bare(phonemes, voice[len(phonemes) - 1], 1.0)) / 24_000

        def adapted() -> float:
            return len(ours.speak(SENTENCE, voice="af_heart").samples) / ours.sample_rate

        for name, say in (("Kokoro, bare", alone), ("our adapter", adapted)):
            for count in streams:
                seconds, audio = side_by_side(say, count)
                yield row(f"{name}, {count} streams", audio, seconds)


def side_by_side(say: Callable[[], float], streams: int, each: int = 4) -> tuple[float, float]:
    """Seconds that so many threads take to say so many sentences each, and the seconds of audio that they made."""
    say()
    made: list[float] = []
    threads = [threading.Thread(target=lambda: made.extend(say() for _ in range(each))) for _ in range(streams)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == streams * each, "a stream failed; its error is above"
    return time.perf_counter() - started, sum(made)


def row(name: str, audio: float, seconds: float) -> str:
    return f"| {name} | {audio:.0f} s in {seconds:.2f} s | {audio / seconds:.1f} x real time |"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="What the engines do on this machine, with models of the real size.")
    parser.add_argument("image", choices=["transcriber", "synthesizer"])
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--speech", type=Path, help="a WAV file in which somebody speaks, for the transcriber")
    parser.add_argument("--size", default="real", choices=SIZES)
    chosen = parser.parse_args(arguments)
    import torch

    if chosen.device == "cuda" and not torch.cuda.is_available():
        print(
            "antiphon: there is no GPU here; --size tiny --device cpu only shows that this program runs",
            file=sys.stderr,
        )
        return 1
    size, on_gpu = SIZES[chosen.size], chosen.device == "cuda"
    print(f"{torch.cuda.get_device_name() if on_gpu else 'CPU'}, torch {torch.__version__}, size {chosen.size}")
    batches, streams = (BATCHES, STREAMS) if on_gpu else ((1, 2), (1, 2))
    lines = (
        whisper(size, chosen.device, "float16" if on_gpu else "float32", batches, samples_of(chosen.speech))
        if chosen.image == "transcriber"
        else speech(size, chosen.device, streams)
    )
    for line in lines:
        print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
