"""Presets in the table."""

from __future__ import annotations

from pynamodb.attributes import JSONAttribute, UnicodeAttribute
from pynamodb.exceptions import DeleteError

from antiphon.conversations.model import ChatOptions
from antiphon.conversations.presets import Preset
from antiphon.platform.clock import from_rfc3339, rfc3339
from antiphon.platform.pages import Page
from antiphon.platform.table import Row, Table, code_of


class PresetRow(Row):
    name = UnicodeAttribute()
    model = UnicodeAttribute(null=True)
    options = JSONAttribute()
    created_at = UnicodeAttribute()


class DynamoPresets:
    def __init__(self, table: Table) -> None:
        self._rows = table.bind(PresetRow)

    def save(self, preset: Preset) -> None:
        self._rows(
            f"user#{preset.user_id}",
            f"preset#{preset.id}",
            row="preset",
            name=preset.name,
            model=preset.model,
            options=preset.options.shown,
            created_at=rfc3339(preset.created_at),
        ).save()

    def page(self, user_id: str, limit: int, position: str | None = None) -> Page[Preset]:
        pk = f"user#{user_id}"
        rows = self._rows.query(
            pk,
            self._rows.sk.startswith("preset#"),
            scan_index_forward=False,
            limit=limit + 1,
            last_evaluated_key={"pk": {"S": pk}, "sk": {"S": f"preset#{position}"}} if position else None,
            consistent_read=True,
        )
        found = [_preset(row) for row in rows]
        return Page(tuple(found[:limit]), found[limit - 1].id if len(found) > limit else None)

    def delete(self, user_id: str, preset_id: str) -> bool:
        try:
            self._rows(f"user#{user_id}", f"preset#{preset_id}").delete(condition=self._rows.pk.exists())
        except DeleteError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise
            return False
        return True


def _preset(row: PresetRow) -> Preset:
    return Preset(
        id=row.sk.removeprefix("preset#"),
        user_id=row.pk.removeprefix("user#"),
        name=row.name,
        created_at=from_rfc3339(row.created_at),
        model=row.model,
        options=ChatOptions.of(row.options),
    )
