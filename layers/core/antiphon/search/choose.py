"""Who computes meanings in this deployment, and where they lie: by its settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from antiphon.platform.secret import model_keys
from antiphon.platform.table import Table
from antiphon.search.dynamo import DynamoVectors
from antiphon.search.ports import Embedder, Vectors
from antiphon.search.vectors_s3 import S3Vectors


@dataclass(frozen=True)
class MeaningSettings:
    """``embeddings``: ``minilm`` (in the function itself), ``openai:<model>``, ``gemini:<model>`` or ``off``; ``index``: the ARN of an index of S3 Vectors, empty
    for vectors in the table."""

    embeddings: str
    index: str = ""
    openai_url: str = ""
    openai_key: str = ""
    gemini_key: str = ""

    @classmethod
    def of(cls, values: Mapping[str, str], region: str) -> MeaningSettings:
        """values: ``EMBEDDINGS``, ``VECTOR_INDEX``, ``OPEN_AI_URL``, ``MODEL_KEYS``; the secret is read where a provider needs its key."""
        provider = values["EMBEDDINGS"].partition(":")[0]
        secret = values["MODEL_KEYS"]
        keys = model_keys(secret, region) if provider in ("openai", "gemini") else {}
        return cls(
            values["EMBEDDINGS"],
            values["VECTOR_INDEX"],
            openai_url=values["OPEN_AI_URL"],
            openai_key=keys.get("openai", ""),
            gemini_key=keys.get("gemini", ""),
        )


def meaning(settings: MeaningSettings, table: Table) -> tuple[Embedder | None, Vectors | None]:
    """Raises ValueError for a setting that nobody knows."""
    embedder = _embedder(settings)
    if embedder is None:
        return None, None
    return embedder, far_vectors(settings.index, table.region) or DynamoVectors(table, embedder.name)


def far_vectors(index: str, region: str) -> Vectors | None:
    """Those that an erasure does not find in the table. index: as in `MeaningSettings`."""
    if not index:
        return None
    import boto3

    return S3Vectors(boto3.client("s3vectors", region_name=region), index)


def _embedder(settings: MeaningSettings) -> Embedder | None:
    provider, _, model = settings.embeddings.partition(":")
    if provider == "off":
        return None
    if provider == "minilm":
        from antiphon.engines.embed_minilm import MiniLm

        return MiniLm()
    if provider == "openai" and model:
        from antiphon.engines.embed_openai import OpenAiEmbedder

        return OpenAiEmbedder(model, base_url=settings.openai_url, api_key=settings.openai_key)
    if provider == "gemini" and model:
        from antiphon.engines.embed_gemini import GeminiEmbedder

        return GeminiEmbedder(model, api_key=settings.gemini_key)
    raise ValueError(f"Embeddings is {settings.embeddings!r}: minilm, openai:<model>, gemini:<model> or off")
