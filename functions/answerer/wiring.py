"""The composition root: the only place that reads the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache

from antiphon.conversations.answer import Answer, Follow
from antiphon.conversations.configured import chat_models
from antiphon.conversations.dynamo import DynamoConversations
from antiphon.conversations.own import own_passages, own_pictures
from antiphon.platform.clock import system_clock
from antiphon.platform.table import Table
from antiphon.realtime.converse import Converse
from antiphon.realtime.gateway import ApiGatewaySockets


class Wiring:
    def __init__(self, env: Mapping[str, str]) -> None:
        table = Table(env["TABLE_NAME"], env["AWS_REGION"])
        store = DynamoConversations(table)
        self.sockets = ApiGatewaySockets(env["SOCKETS_ENDPOINT"], table.region)
        self.converse = Converse(
            answer=Answer(
                store=store,
                models=chat_models(env, table, system_clock),
                passages=own_passages(table, system_clock),
                pictures=own_pictures(table, system_clock),
                clock=system_clock,
            ),
            follow=Follow(store, system_clock),
            store=store,
            sockets=self.sockets,
        )


@cache
def wiring() -> Wiring:
    return Wiring(os.environ)
