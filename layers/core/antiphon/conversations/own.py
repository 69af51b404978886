"""A user's own material over the table: the same parts for every function that reads it."""

from __future__ import annotations

from antiphon.conversations.dynamo import DynamoConversations
from antiphon.conversations.passages import OwnPassages
from antiphon.conversations.pictures import OwnPictures
from antiphon.documents.dynamo import DynamoPages
from antiphon.media.items_dynamo import DynamoMediaStore
from antiphon.platform.clock import Clock
from antiphon.platform.table import Table
from antiphon.search.dynamo import DynamoIndex
from antiphon.search.find import Find
from antiphon.search.material import OwnMaterial
from antiphon.search.ports import Embedder, Vectors
from antiphon.speech.dynamo import DynamoJobStore
from antiphon.speech.s3 import S3Objects, s3_client


def own_material(table: Table) -> OwnMaterial:
    return OwnMaterial(DynamoConversations(table), DynamoJobStore(table), DynamoPages(table))


def own_search(table: Table, clock: Clock, embedder: Embedder | None = None, vectors: Vectors | None = None) -> Find:
    return Find(DynamoIndex(table), own_material(table), clock, embedder=embedder, vectors=vectors)


def own_pictures(table: Table, clock: Clock) -> OwnPictures:
    return OwnPictures(DynamoMediaStore(table), lambda: S3Objects(s3_client(table.region), clock))


def own_passages(table: Table, clock: Clock) -> OwnPassages:
    jobs, media, pages = DynamoJobStore(table), DynamoMediaStore(table), DynamoPages(table)
    return OwnPassages(DynamoConversations(table), jobs, media, pages, own_search(table, clock))
