"""A tiny Whisper that always says one phrase: real tokenizer, real architecture, real CTranslate2 folder, made without network.

The decoder's layers are zeroed and its embeddings rigged so that position p predicts the p-th token of the phrase, for greedy search
and beams, any batch, any compute type. Language detection says English.
"""

from __future__ import annotations

from pathlib import Path

import torch
from ctranslate2.converters import TransformersConverter
from faster_whisper.tokenizer import _LANGUAGE_CODES
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    GenerationConfig,
    PreTrainedTokenizerFast,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
)

WIDTH, MELS, POSITIONS = 64, 80, 448
FIRST_POSITION = 3
"""The prompt is start, language, task, no-timestamps: the last of these predicts the first word."""


def build(folder: Path, phrase: str) -> Path:
    """Write the model for CTranslate2 into ``folder``. Words of ``phrase`` become one token each."""
    torch.manual_seed(0)
    tokenizer, languages = _tokenizer(phrase.split())
    model = _model(tokenizer, languages, phrase)
    source = folder.with_name(folder.name + "-source")
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|endoftext|>",
        eos_token="<|endoftext|>",
        unk_token="<|endoftext|>",
        pad_token="<|endoftext|>",
    ).save_pretrained(source)
    model.save_pretrained(source, safe_serialization=True)
    WhisperFeatureExtractor(feature_size=MELS).save_pretrained(source)
    copied = ["tokenizer.json", "preprocessor_config.json"]
    TransformersConverter(str(source), copy_files=copied).convert(str(folder), quantization="int8", force=True)
    return folder


def _tokenizer(words: list[str]) -> tuple[Tokenizer, list[str]]:
    """Byte-level BPE with the ids laid out as in OpenAI's multilingual vocabularies, only shorter."""
    languages = ["en"] + [code for code in _LANGUAGE_CODES if code not in ("en", "yue")]
    vocabulary = {letter: i for i, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    merges = []
    for word in words:
        built = "Ġ"
        for letter in word:
            if built + letter not in vocabulary:
                merges.append((built, letter))
                vocabulary[built + letter] = len(vocabulary)
            built += letter
    vocabulary[""] = len(vocabulary)  # by this CTranslate2 tells a multilingual model
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["endoftext", "startoftranscript", *languages, "translate", "transcribe", "startoflm", "startofprev"]
    special += ["nospeech", "notimestamps"]
    tokenizer.add_special_tokens([AddedToken(f"<|{name}|>", special=True, normalized=False) for name in special])
    tokenizer.add_tokens([AddedToken(f"<|{i * 0.02:.2f}|>", normalized=False) for i in range(1501)])
    return tokenizer, languages


def _model(tokenizer: Tokenizer, languages: list[str], phrase: str) -> WhisperForConditionalGeneration:
    number = tokenizer.token_to_id
    end = number("<|endoftext|>")
    config = WhisperConfig(
        vocab_size=tokenizer.get_vocab_size(),
        num_mel_bins=MELS,
        d_model=WIDTH,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=2 * WIDTH,
        decoder_ffn_dim=2 * WIDTH,
        max_source_positions=1500,
        max_target_positions=POSITIONS,
        decoder_start_token_id=number("<|startoftranscript|>"),
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
    )
    model = WhisperForConditionalGeneration(config).eval()
    _rig(model, [*tokenizer.encode(phrase).ids, end], english=number("<|en|>"))
    model.tie_weights()
    model.generation_config = GenerationConfig(
        decoder_start_token_id=number("<|startoftranscript|>"),
        eos_token_id=end,
        pad_token_id=end,
        bos_token_id=end,
        max_length=POSITIONS,
        begin_suppress_tokens=[number("Ġ"), end],
        suppress_tokens=list(range(end + 1, number("<|notimestamps|>"))),
    )
    model.generation_config.lang_to_id = {f"<|{code}|>": number(f"<|{code}|>") for code in languages}
    model.generation_config.task_to_id = {task: number(f"<|{task}|>") for task in ("transcribe", "translate")}
    model.generation_config.no_timestamps_token_id = number("<|notimestamps|>")
    model.generation_config.is_multilingual = True
    model.generation_config.alignment_heads = [[0, 0], [0, 1]]
    return model


@torch.no_grad()
def _rig(model: WhisperForConditionalGeneration, tokens: list[int], *, english: int) -> None:
    decoder = model.model.decoder
    for parameter in decoder.layers.parameters():
        parameter.zero_()
    for norm in [m for m in decoder.layers.modules() if isinstance(m, torch.nn.LayerNorm)] + [decoder.layer_norm]:
        norm.weight.fill_(1.0)
    positions = torch.randn(POSITIONS, WIDTH)
    positions -= positions.mean(1, keepdim=True)
    embeddings = torch.zeros(model.config.vocab_size, WIDTH)
    for place, token in enumerate(tokens, FIRST_POSITION):
        embeddings[token] += positions[place] / positions[place].norm() * 3.0
    positions[FIRST_POSITION + len(tokens) :] = positions[FIRST_POSITION + len(tokens) - 1]
    embeddings[english] += positions[0] / positions[0].norm() * 3.0  # language detection looks at position 0 only
    decoder.embed_positions.weight.copy_(positions * 20)
    decoder.embed_tokens.weight.copy_(embeddings)
