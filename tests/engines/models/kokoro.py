"""A small random Kokoro with two voices: what it says is noise, but of the right length and loudness, in [-1, 1].

It cannot be tiny: the decoder has widths of 512 and 1024 built in. 231 MB, made in under a second; not for committing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from kokoro import KModel

SYMBOLS = (
    ';:,.!?—…"()“” ADIOQSTWYᵊabcdefhijklmnopqrstuvwxyzɑɐɒæβɔɕçɖðʤəɚɛɜɟɡɥɨɪʝɯɰŋɳɲɴøɸθœɹɾɻʁɽʂʃʈʧʊʋʌɣɤχʎʒʔˈˌːʰʲ↓→↗↘ᵻ̃ʣʥʦʨᵝꭧ'
)
FRAMES_PER_PHONEME = 4.0
PARTS = ("bert", "bert_encoder", "predictor", "decoder", "text_encoder")


def build(folder: Path, voices: tuple[str, ...]) -> Path:
    (folder / "voices").mkdir(parents=True, exist_ok=True)
    vocabulary: dict[str, int] = {}
    for symbol in SYMBOLS:
        vocabulary.setdefault(symbol, len(vocabulary) + 1)
    config = {
        "istftnet": {
            "upsample_kernel_sizes": [20, 12],
            "upsample_rates": [10, 6],
            "gen_istft_hop_size": 5,
            "gen_istft_n_fft": 20,
            "resblock_dilation_sizes": [[1, 1, 1]],
            "resblock_kernel_sizes": [1],
            "upsample_initial_channel": 512,
        },
        "plbert": {
            "hidden_size": 32,
            "num_attention_heads": 2,
            "intermediate_size": 64,
            "max_position_embeddings": 512,
            "num_hidden_layers": 1,
            "dropout": 0.1,
        },
        "dim_in": 64,
        "dropout": 0.2,
        "hidden_dim": 512,
        "max_conv_dim": 512,
        "max_dur": 50,
        "multispeaker": True,
        "n_layer": 1,
        "n_mels": 80,
        "n_token": 178,
        "style_dim": 128,
        "text_encoder_kernel_size": 5,
        "vocab": vocabulary,
    }
    (folder / "config.json").write_text(json.dumps(config))
    torch.manual_seed(0)
    weights = folder / "kokoro-random.pth"
    torch.save({}, weights)  # KModel always loads a file; an empty one leaves the random weights
    model = KModel(repo_id="local", config=str(folder / "config.json"), model=str(weights)).eval()
    rig(model, config)
    torch.save({part: getattr(model, part).state_dict() for part in PARTS}, weights)
    for seed, voice in enumerate(voices):
        style = torch.randn(1, 1, 256, generator=torch.Generator().manual_seed(seed)) * 0.2
        torch.save(style.expand(510, 1, 256).contiguous(), folder / "voices" / f"{voice}.pt")
    return folder


@torch.no_grad()
def rig(model: KModel, config: dict[str, Any]) -> None:
    share = torch.tensor(FRAMES_PER_PHONEME / config["max_dur"])
    model.predictor.duration_proj.linear_layer.bias.fill_(torch.logit(share).item())
    model.predictor.F0_proj.bias.fill_(120.0)  # Hz, so that the source is voiced
    model.decoder.generator.conv_post.bias[:11].fill_(-3.0)  # quiet: inside [-1, 1]
