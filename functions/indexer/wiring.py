"""The composition root: the only place that reads the environment."""

from __future__ import annotations

import os
from functools import cache

from antiphon.conversations.own import own_material
from antiphon.platform.table import Table
from antiphon.search.choose import MeaningSettings, meaning
from antiphon.search.dynamo import DynamoIndex
from antiphon.search.keep import Keep


@cache
def keep() -> Keep:
    env = os.environ
    table = Table(env["TABLE_NAME"], env["AWS_REGION"])
    embedder, vectors = meaning(MeaningSettings.of(env, table.region), table)
    return Keep(DynamoIndex(table), own_material(table), embedder=embedder, vectors=vectors)
