"""An untrained speaker embedding: means and deviations of MFCCs and of the pitch. A real pyannote model, which a checkpoint names and loads."""

from __future__ import annotations

from functools import lru_cache

import torch
import torchaudio
from pyannote.audio.core.model import Model
from torch.nn import functional

HOP = 160
LAGS = (46, 229)
"""Of the autocorrelation at 16 kHz: 350 to 70 Hz."""


class Voiceprint(Model):
    def __init__(self, sample_rate: int = 16_000, num_channels: int = 1, dimension: int = 42, task=None) -> None:
        super().__init__(sample_rate=sample_rate, num_channels=num_channels, task=task)
        self.save_hyperparameters("dimension")
        self.mel = torchaudio.transforms.MelSpectrogram(16_000, n_fft=512, hop_length=HOP, n_mels=40, power=2.0)
        self.register_buffer("dct", torchaudio.functional.create_dct(21, 40, "ortho"), persistent=False)
        self.weight = torch.nn.Parameter(torch.zeros(1))  # so that it has a device

    @property
    def dimension(self) -> int:
        return self.hparams.dimension

    @lru_cache  # noqa: B019 - one model per test run
    def num_frames(self, num_samples: int) -> int:
        return 1 + num_samples // HOP

    def receptive_field_size(self, num_frames: int = 1) -> int:
        return 512 + (num_frames - 1) * HOP

    def receptive_field_center(self, frame: int = 0) -> int:
        return frame * HOP

    def forward(self, waveforms: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
        """waveforms: (batch, 1, samples); weights: (batch, frames) of some number of frames."""
        samples = waveforms[:, 0]
        cepstrum = ((self.mel(samples) + 1e-6).log().transpose(1, 2) @ self.dct)[..., 1:]
        frames = cepstrum.shape[1]
        pitch, voiced = self._pitch(samples, frames)
        if weights is None:
            mask = torch.ones(len(samples), frames, device=samples.device)
        else:
            weights = weights[None] if weights.dim() == 1 else weights
            mask = functional.interpolate(weights[:, None].float(), size=frames, mode="nearest")[:, 0]
        mask = mask[:, :, None]
        timbre, spread = _moments(cepstrum, mask, 1e-6)
        tone, movement = _moments(pitch[..., None], voiced[..., None] * mask, 1e-6)
        print_ = torch.cat([0.05 * timbre, 0.05 * spread, 3.0 * tone, 0.5 * movement], dim=1)
        print_[mask.sum((1, 2)) < 5] = float("nan")
        return print_

    @staticmethod
    def _pitch(samples: torch.Tensor, frames: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Octaves around 150 Hz, and where there is a voice."""
        cut = functional.pad(samples, (320, 320)).unfold(-1, 640, HOP)[:, :frames]
        spectrum = torch.fft.rfft(cut * torch.hann_window(640, device=samples.device), n=2048)
        whole = torch.fft.irfft(spectrum.abs() ** 2)
        lags = torch.arange(*LAGS, device=samples.device)
        near = whole[..., LAGS[0] : LAGS[1]] / (1 - lags / 640.0) ** 1.5  # without the taper of the window
        is_peak = (near[..., 1:-1] > near[..., :-2]) & (near[..., 1:-1] >= near[..., 2:])
        peaks = torch.where(is_peak, near[..., 1:-1], torch.full_like(near[..., 1:-1], -1e9))
        strongest = peaks.amax(-1)
        lag = (peaks >= 0.85 * strongest[..., None]).float().argmax(-1) + LAGS[0] + 1  # the shortest: no octave errors
        energy = whole[..., 0] + 1e-6
        return torch.log2(16_000 / lag.float() / 150), ((strongest / energy > 0.4) & (energy > 1e-2)).float()


def _moments(values: torch.Tensor, mask: torch.Tensor, least: float) -> tuple[torch.Tensor, torch.Tensor]:
    count = mask.sum(1).clamp_min(1e-3)
    mean = (values * mask).sum(1) / count
    return mean, (((values - mean[:, None]) ** 2 * mask).sum(1) / count).clamp_min(least).sqrt()
