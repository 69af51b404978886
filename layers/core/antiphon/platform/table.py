"""The one table, and how its rows are found. Every access is a key read or a query; nothing scans.

| row          | pk                 | sk                        | gsi1pk           | gsi1sk          | ttl      | found by                                    |
|--------------|--------------------|---------------------------|------------------|-----------------|----------|---------------------------------------------|
| user         | user#<usr>         | profile                   | users; while it is erased due#erasure#<n> | <usr>; due time | | authorizer, login, intake; administrators, newest first; janitor |
| email        | email#<sha256>     | user                      |                  |                 |          | register, login (one user per address)      |
| session      | user#<usr>         | session#<ses>             |                  |                 | 30 d     | authorizer, session list                    |
| key          | user#<usr>         | key#<key>                 |                  |                 | expiry   | list newest first                           |
| key-ref      | apikey#<sha256>    | key                       |                  |                 | expiry   | authorizer; of an API key or a device       |
| usage        | user#<usr>         | usage#<month or "now">    |                  |                 |          | quotas, own usage                           |
| spent        | user#<usr>         | usage#<month>#<key>       |                  |                 |          | budget of an API key, list of keys          |
| federated    | federated#<sha256> | user                      |                  |                 |          | sign-in with Firebase                       |
| federated of | user#<usr>         | federated#<sha256>        |                  |                 |          | erasure                                     |
| job          | user#<usr>         | job#<kind>#<job>          | due#job#<shard>  | due time        |          | get by id, list newest first, janitor; administrators by gsi2 |
| work         | user#<usr>         | work#<key>                |                  |                 | 24 h     | which job does the work of a key            |
| pace         | lane#<kind>#<lane> | pace                      |                  |                 |          | how fast a lane is worked off; of nobody    |
| waiter       | user#<usr>         | waits#<key>#<job>         |                  |                 |          | jobs that wait for the work of a key, or for their turn |
| media        | user#<usr>         | media#<med>               | due#media#<n>    | due time        |          | get by id, list newest first, janitor       |
| chunk        | job#<job>          | seg#<last segment index>  |                  |                 |          | segments after an index, in order           |
| text         | job#<job>          | text#<segment index>      |                  |                 |          | corrections of segments, in order            |
| page         | job#<doc>          | page#<page>#<part>        |                  |                 |          | pages of a document, in order; one page      |
| marks        | job#<job>          | mark#<sentence index>     |                  |                 |          | sentence and word times of a speech job     |
| event        | events#<usr>       | <evt>                     |                  |                 | 7 d      | stream → publisher; replay since an id      |
| conversation | user#<usr>         | conv#<conv>               |                  |                 |          | get by id, list newest first                |
| message      | conv#<conv>        | msg#<msg>                 | due#reply#<n>    | due time        |          | history newest first; janitor, while a reply is written |
| spend        | user#<usr>         | spend#<req>               | due#spend#<n>    | due time        |          | janitor: tokens set aside by who has died   |
| tally        | tally#<month>      | <day>T<hour>              |                  |                 | 400 d    | what happened in each hour; of nobody       |
| open         | tally#open         | open                      |                  |                 |          | hourly look at what is open; of nobody      |
| counted      | counted#<evt>      | counted                   |                  |                 | 2 d      | repeat of a record of the stream; of nobody |
| day          | day#<date>         | spent#<n>               |                  |                 | 40 d     | tokens of all models in a day; of nobody    |
| run          | user#<usr>         | run#<run>               | due#run#<n>      | due time        |          | get by id, list newest first; janitor       |
| preset       | user#<usr>         | preset#<pre>              |                  |                 |          | list newest first                           |
| posting      | search#<usr>       | w#<word>#<kind>#<part> |             |                 |          | search: where a word stands, newest first   |
| entry        | search#<usr>       | entry#<kind>#<parent>#<part> |       |                 |          | indexer: all words of a part                |
| vector       | search#<usr>       | v#<kind>#<part>#<n> |                |                 |          | search by meaning                           |
| device       | user#<usr>         | device#<dev>              |                  |                 |          | get by id, list; its key: key-ref           |
| command      | user#<usr>         | command#<dev>#<cmd>       | due#command#<dev> | due time       | 30 d     | log newest first; the device's poll, until it has ended |
| socket       | user#<usr>         | socket#<connection>       | due#socket#<n>   | when its token expires | 2 h | each message of a connection, publisher and pusher; janitor |
| endpoint     | user#<usr>         | webhook#<whk>             |                  |                 |          | publisher, delivery, list                   |
| webhook secret | user#<usr>       | webhook-secret            |                  |                 |          | delivery to a job's callback_url, sealed    |
| webhook gone | user#<usr>         | webhook-gone#<whk>        |                  |                 | 30 d     | erasure: the deliveries of a deleted endpoint |
| delivery     | webhook#<whk>      | delivery#<dlv>            | due#delivery#<n> | due time        | 30 d     | log newest first, janitor                   |
| slots        | webhook#<whk>      | slots                     |                  |                 | 30 d     | delivery: requests under way to an endpoint |
| delivery ref | delivery#<dlv>     | ref                       |                  |                 | 30 d     | redeliver by id                             |
| limit        | limit#<who>#<min>  | limit                     |                  |                 | minutes  | requests of a user or network in a minute   |
| attempts     | attempts#<who>     | attempts                  |                  |                 | 2 h      | wrong passwords of an account or network    |
| mails        | mails#<sha256>     | hour#<hour>               |                  |                 | 2 h      | links to an address in an hour              |
| mail-sent    | mails#<sha256>     | sent#<message>            |                  |                 | 15 d     | repeat of a message that was mailed         |
| idempotency  | idem#<user>        | <sha256>                  |                  |                 | 24 h     | repeat of a POST; user: <usr> or the address's hash |
| audit        | audit#<usr>        | <time>#<id>               |                  |                 | 365 d    | own audit log                               |
| erased       | erased#<sha256>    | erased                    |                  |                 | 24 h     | intake, repeat of a DELETE; of the user's id |

An erasure (identity/erase_dynamo.py) finds all rows of a user from user#<usr>, events#<usr>, audit#<usr>, idem#<usr>, search#<usr> and the address: a new kind of
row has the user or the address in its key, or is led to by one that has.

Deliveries to a job's own callback_url lie under webhook#callback#<usr>.

gsi1 is sparse: only users, and rows that wait for a moment, are in it. gsi2 has the keys of jobs alone: jobs#<kind>#<status>, and their ids without the
prefix, which sort by age. TTL deletes late, so readers compare the time themselves.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any, TypeVar

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import PynamoDBException, TransactWriteError, UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from antiphon.platform.errors import Unavailable

ROUNDS = 6
DUE_SHARDS = 4
"""Partitions of each due index, so that a burst of jobs does not make one partition hot."""


class DueIndex(GlobalSecondaryIndex["Row"]):
    class Meta:
        index_name = "gsi1"
        projection = AllProjection()

    gsi1pk = UnicodeAttribute(hash_key=True)
    gsi1sk = UnicodeAttribute(range_key=True)


class AgeIndex(GlobalSecondaryIndex["Row"]):
    """Everybody's jobs by their age. Of keys alone: it is written when a job moves to another status, not with its progress."""

    class Meta:
        index_name = "gsi2"
        projection = KeysOnlyProjection()

    gsi2pk = UnicodeAttribute(hash_key=True)
    gsi2sk = UnicodeAttribute(range_key=True)


class Row(Model):
    """What all rows share. ``row`` names the kind, for the filter of the stream."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    row = UnicodeAttribute()
    gsi1pk = UnicodeAttribute(null=True)
    gsi1sk = UnicodeAttribute(null=True)
    gsi2pk = UnicodeAttribute(null=True)
    gsi2sk = UnicodeAttribute(null=True)
    ttl = NumberAttribute(null=True)
    due = DueIndex()
    age = AgeIndex()


R = TypeVar("R", bound=type[Row])


def code_of(error: PynamoDBException) -> str | None:
    """What DynamoDB said; None where no answer came, at which PynamoDB's own ``cause_response_code`` breaks."""
    response = getattr(error.cause, "response", None)
    return response["Error"]["Code"] if response else None


def conditions_failed(error: TransactWriteError) -> list[bool]:
    """Of each row of the transaction, in DynamoDB's order: checks, deletions, puts, updates."""
    return [reason is not None and reason.code == "ConditionalCheckFailed" for reason in error.cancellation_reasons]


def update_if(row: Row, actions: list[Any], condition: Condition) -> bool:
    """Whether the condition held; nothing is written where it did not."""
    try:
        row.update(actions, condition=condition)
    except UpdateError as error:
        if code_of(error) != "ConditionalCheckFailedException":
            raise
        return False
    return True


class Table:
    """The table as the adapters use it: row classes bound to its name, and transactions.

    name: of the DynamoDB table; region: where it lies. The endpoint and credentials are botocore's business.
    """

    def __init__(self, name: str, region: str) -> None:
        self.name = name
        self.region = region
        self._shared = self._bound(Row)._get_connection()

    def bind(self, row: R) -> R:
        """The row class for this very table: PynamoDB reads the name from a nested ``Meta``, which must not exist at import.

        All bound classes share one connection: an SDK client each would cost 50 ms and more at every cold start.
        """
        bound = self._bound(row)
        bound._connection = self._shared
        return bound

    def transaction(self) -> TransactWrite:
        """All or nothing, at most 100 rows. botocore sends the same request token on its own retries, so a lost answer counts once."""
        return TransactWrite(connection=self._shared.connection)

    def write(self, fill: Callable[[TransactWrite], None]) -> None:
        """One transaction, again where another one was at the same rows: that says nothing about their conditions.

        fill: adds the rows; it is called for each try. Raises TransactWriteError (a condition does not hold), Unavailable.
        """
        for round_ in range(ROUNDS):
            try:
                with self.transaction() as transaction:
                    fill(transaction)
                return
            except TransactWriteError as error:
                if {r.code for r in error.cancellation_reasons if r} - {"None"} != {"TransactionConflict"}:
                    raise
            time.sleep(random.uniform(0, 0.01 * 2**round_))
        raise Unavailable("The same rows are written too often at the moment; repeat.", retry_after=1)

    def write_if(self, fill: Callable[[TransactWrite], None]) -> bool:
        """As `write`; whether its conditions held. Nothing is written where they did not."""
        try:
            self.write(fill)
        except TransactWriteError as error:
            if not any(conditions_failed(error)):
                raise
            return False
        return True

    def _bound(self, row: R) -> R:
        settings = {"table_name": self.name, "region": self.region}
        patience = {"max_retry_attempts": 3, "connect_timeout_seconds": 3, "read_timeout_seconds": 10}
        bound: Any = type(row.__name__, (row,), {"Meta": type("Meta", (), {**settings, **patience})})
        return bound
