"""README's table of costs is what the price list gives."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date

import pytest

from antiphon.speech.prices import PRICES
from infra.local.costs import PRICE_LIST, ROOT, audio_hour, count, endpoints, idle_month, million_characters, written

LIST = json.loads((ROOT / "infra/prices.json").read_text("utf-8"))


def test_the_readme_has_the_table_of_today() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert written(readme) == readme, "make costs"


def test_a_text_without_a_place_for_it_is_refused() -> None:
    with pytest.raises(ValueError, match="no place"):
        written("# Antiphon")


@pytest.mark.parametrize("each", [*LIST["prices"], *LIST["others"]], ids=lambda each: each["name"])
def test_every_price_has_its_source_and_the_day_on_which_it_was_read(each: dict[str, str]) -> None:
    assert each["source"]
    assert re.fullmatch(r"\d{4}-\d{2}(-\d{2})?", each["read"])
    assert date.fromisoformat(f"{each['read']}-01"[:10]) <= date(2026, 12, 31)


def test_an_hour_of_audio_costs_what_the_card_costs_for_its_share() -> None:
    slow = replace(PRICE_LIST, transcriber_seconds=1.0)
    assert audio_hour(slow) == PRICES[-1].usd_per_hour
    assert million_characters(replace(PRICE_LIST, synthesizer_characters=1_000_000 / 3600)) == pytest.approx(
        PRICES[-1].usd_per_hour
    )


def test_what_is_paid_for_nothing_is_counted_in_the_templates() -> None:
    assert count("AWS::KMS::Key", "SigningKeyB") == count("AWS::KMS::Key") - 1 >= 2
    assert endpoints() == 7
    bare, network = idle_month(PRICE_LIST)
    assert bare == pytest.approx(count("AWS::KMS::Key", "SigningKeyB") + 0.4 * count("AWS::SecretsManager::Secret"))
    assert network == pytest.approx(7 * 730 * 0.01)
