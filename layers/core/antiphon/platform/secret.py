"""Secrets of the stack."""

from __future__ import annotations

import json


def model_keys(secret: str, region: str) -> dict[str, str]:
    """The keys of the providers of models, by provider: ``{"gemini": "…", "openai": "…"}``. secret: the ARN of the secret that holds them."""
    import boto3

    client = boto3.client("secretsmanager", region_name=region)
    found: dict[str, str] = json.loads(client.get_secret_value(SecretId=secret)["SecretString"])
    return found
