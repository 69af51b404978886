"""Which mails went to an address in this hour, in the table. Addresses are kept as hashes, for two hours."""

from __future__ import annotations

from pynamodb.attributes import UnicodeSetAttribute
from pynamodb.expressions.condition import size

from antiphon.identity.mail import PER_HOUR
from antiphon.identity.model import email_key
from antiphon.platform.clock import Clock
from antiphon.platform.table import Row, Table, update_if

_HOUR = 3600


class MailRow(Row):
    """``reserved``, ``done``: ids of messages."""

    reserved = UnicodeSetAttribute(null=True)
    done = UnicodeSetAttribute(null=True)


class DynamoMailLog:
    def __init__(self, table: Table, clock: Clock) -> None:
        self._rows = table.bind(MailRow)
        self._clock = clock

    def may_send(self, address: str, message_id: str) -> bool:
        ids = self._rows.reserved
        room = ids.does_not_exist() | ids.contains(message_id) | (size("reserved") < PER_HOUR)
        actions = [ids.add({message_id}), self._rows.row.set("mails"), self._rows.ttl.set(self._end())]
        return update_if(self._row(address), actions, room)

    def was_sent(self, address: str, message_id: str) -> bool:
        row = self._row(address)
        try:
            row.refresh(consistent_read=True)
        except self._rows.DoesNotExist:
            return False
        return message_id in (row.done or ())

    def sent(self, address: str, message_id: str) -> None:
        rows = self._rows
        self._row(address).update([rows.done.add({message_id}), rows.row.set("mails"), rows.ttl.set(self._end())])

    def _row(self, address: str) -> MailRow:
        return self._rows(f"mails#{email_key(address)}", str(int(self._clock().timestamp()) // _HOUR))

    def _end(self) -> int:
        return (int(self._clock().timestamp()) // _HOUR + 2) * _HOUR
