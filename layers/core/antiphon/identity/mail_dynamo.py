"""Which mails went to an address, in the table. Addresses are kept as hashes, for as long as the queue may repeat itself."""

from __future__ import annotations

from pynamodb.attributes import UnicodeSetAttribute
from pynamodb.expressions.condition import size

from antiphon.identity.mail import PER_HOUR
from antiphon.identity.model import email_key
from antiphon.platform.clock import Clock
from antiphon.platform.table import Row, Table, update_if

_HOUR = 3600
KEEP_SENT = 15 * 86_400
"""Seconds. SQS keeps a message for 14 days at most, its time among the dead letters included."""


class MailHourRow(Row):
    """``reserved``: ids of the messages that may send a link in this hour."""

    reserved = UnicodeSetAttribute(null=True)


class MailSentRow(Row):
    pass


class DynamoMailLog:
    def __init__(self, table: Table, clock: Clock) -> None:
        self._hours = table.bind(MailHourRow)
        self._sent = table.bind(MailSentRow)
        self._clock = clock

    def may_send(self, address: str, message_id: str) -> bool:
        now = int(self._clock().timestamp())
        hour = now // _HOUR
        ids = self._hours.reserved
        room = ids.does_not_exist() | ids.contains(message_id) | (size("reserved") < PER_HOUR)
        actions = [ids.add({message_id}), self._hours.row.set("mails"), self._hours.ttl.set((hour + 2) * _HOUR)]
        return update_if(self._hours(_of(address), f"hour#{hour}"), actions, room)

    def was_sent(self, address: str, message_id: str) -> bool:
        try:
            self._sent.get(_of(address), f"sent#{message_id}", consistent_read=True)
        except self._sent.DoesNotExist:
            return False
        return True

    def sent(self, address: str, message_id: str) -> None:
        ttl = int(self._clock().timestamp()) + KEEP_SENT
        self._sent(_of(address), f"sent#{message_id}", row="mail-sent", ttl=ttl).save()


def _of(address: str) -> str:
    return f"mails#{email_key(address)}"
