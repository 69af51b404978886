"""A pyannote pipeline that tells synthetic voices apart, made without network: WhisperX's own trained segmentation, an untrained voiceprint."""

from __future__ import annotations

import shutil
from pathlib import Path

import lightning
import numpy as np
import torch
import whisperx
import yaml
from pyannote.audio.core.task import Problem, Resolution, Specifications

from tests.engines.models.voiceprint import Voiceprint

FAR = 0.15
"""Voiceprints further apart are of two people."""


def build(folder: Path) -> Path:
    for part in ("segmentation", "embedding", "plda"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    shutil.copy(Path(whisperx.__file__).parent / "assets" / "pytorch_model.bin", folder / "segmentation")
    voiceprint = Voiceprint()
    voiceprint.specifications = Specifications(
        problem=Problem.REPRESENTATION, resolution=Resolution.CHUNK, duration=5.0, classes=None
    )
    checkpoint = {
        "state_dict": voiceprint.state_dict(),
        "hyper_parameters": dict(voiceprint.hparams),
        "pytorch-lightning_version": lightning.__version__,
        "epoch": 0,
        "global_step": 0,
    }
    voiceprint.on_save_checkpoint(checkpoint)
    torch.save(checkpoint, folder / "embedding" / "pytorch_model.bin")
    _plda(folder / "plda")
    parts = {name: f"$model/{name}" for name in ("segmentation", "embedding", "plda")}
    pipeline = {
        "name": "pyannote.audio.pipelines.SpeakerDiarization",
        "params": {"clustering": "AgglomerativeClustering", "embedding_exclude_overlap": True, **parts},
    }
    parameters = {
        "clustering": {"method": "average", "min_cluster_size": 4, "threshold": FAR},
        "segmentation": {"threshold": 0.5, "min_duration_off": 0.3},
    }
    config = {"dependencies": {"pyannote.audio": "4.0.0"}, "pipeline": pipeline, "params": parameters}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return folder


def _plda(folder: Path) -> None:
    """It must be there, though this clustering does not use it."""

    def turned(size: int) -> np.ndarray:
        return np.linalg.qr(np.random.default_rng(0).normal(size=(size, size)))[0]

    np.savez(folder / "xvec_transform.npz", mean1=np.zeros(256), mean2=np.zeros(128), lda=turned(256)[:, :128])
    np.savez(folder / "plda.npz", mu=np.zeros(128), tr=turned(128), psi=np.linspace(5, 0.1, 128))
