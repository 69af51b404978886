"""The composition root: the only place that reads the environment."""

from __future__ import annotations

import os
from functools import cache

from antiphon.conversations.dynamo import DynamoConversations
from antiphon.platform.table import Table
from antiphon.search.choose import MeaningSettings, meaning
from antiphon.search.dynamo import DynamoIndex
from antiphon.search.keep import Keep
from antiphon.search.material import OwnMaterial
from antiphon.speech.dynamo import DynamoJobStore


@cache
def keep() -> Keep:
    env = os.environ
    table = Table(env["TABLE_NAME"], env["AWS_REGION"])
    embedder, vectors = meaning(MeaningSettings.of(env, table.region), table)
    material = OwnMaterial(DynamoConversations(table), DynamoJobStore(table))
    return Keep(DynamoIndex(table), material, embedder=embedder, vectors=vectors)
