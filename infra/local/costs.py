"""`make costs`: what it costs, from infra/prices.json and the price of a worker (antiphon.speech.prices), as README's table.

python -m infra.local.costs [--write]
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from antiphon.speech.prices import PRICES

ROOT = Path(__file__).resolve().parents[2]
BEGIN, END = "<!-- costs: written by `make costs` -->", "<!-- end of costs -->"
HOURS = 730
"""Of a month."""


@dataclass(frozen=True)
class PriceList:
    """usd: prices of AWS by name. others: (what, usd, read) by the name of another service. The rest: what is stated of the work, see the file."""

    usd: Mapping[str, float]
    others: Mapping[str, tuple[str, float, str]]
    transcriber_seconds: float
    synthesizer_characters: float
    chat_seconds: float

    @classmethod
    def read(cls, path: Path) -> PriceList:
        found = json.loads(path.read_text("utf-8"))
        return cls(
            {each["name"]: each["usd"] for each in found["prices"]},
            {each["name"]: (each["what"], each["usd"], each["read"]) for each in found["others"]},
            **{name: each["value"] for name, each in found["throughput"].items()},
        )

    def beside(self, what: str, maker: str) -> str:
        """What others of this maker ask for it."""
        asked = [
            f"{name.removeprefix(maker)} ${usd:.2f}"
            for name, (of, usd, _) in self.others.items()
            if of == what and name.startswith(maker)
        ]
        return ", ".join(asked).strip() or "–"


PRICE_LIST = PriceList.read(ROOT / "infra/prices.json")


def count(kind: str, but: str = "-") -> int:
    """Resources of this kind that the templates make where nothing is chosen. but: the logical id that is there for a time only."""
    pattern = rf"^  (?!{but}:)\w+:\n    Type: {kind}$"
    return sum(
        len(re.findall(pattern, path.read_text(), re.MULTILINE)) for path in sorted((ROOT / "infra").glob("*.yaml"))
    )


def endpoints() -> int:
    return (ROOT / "infra/network.yaml").read_text().count("VpcEndpointType: Interface")


def audio_hour(prices: PriceList) -> float:
    return prices.transcriber_seconds * PRICES[-1].usd_per_hour


def million_characters(prices: PriceList) -> float:
    return 1_000_000 / prices.synthesizer_characters / 3600 * PRICES[-1].usd_per_hour


def chat_turns(prices: PriceList, turns: int = 1000) -> float:
    """Each a request, a call of the authorizer and one of the function that streams; the model's tokens are the provider's."""
    requests = prices.usd["API Gateway REST, a million requests"] + 2 * prices.usd["Lambda, a million requests"]
    return turns * (requests / 1_000_000 + prices.chat_seconds * prices.usd["Lambda arm64, a GB-second"])


def idle_month(prices: PriceList) -> tuple[float, float]:
    """Without workers; what their network adds once there is an image, in one zone."""
    keys = count("AWS::KMS::Key", "SigningKeyB") * prices.usd["KMS key, a month"]
    secrets = count("AWS::SecretsManager::Secret") * prices.usd["Secret, a month"]
    return keys + secrets, endpoints() * HOURS * prices.usd["Interface endpoint, an hour in a zone"]


def table(prices: PriceList = PRICE_LIST) -> list[str]:
    bare, network = idle_month(prices)
    card = PRICES[-1]
    return [
        "| | Antiphon | Amazon | OpenAI |",
        "|---|---|---|---|",
        f"| an hour of audio to text | ${audio_hour(prices):.3f} | {prices.beside('audio hour', 'Amazon ')} | {prices.beside('audio hour', 'OpenAI ')} |",
        f"| a million characters to speech | ${million_characters(prices):.2f} | {prices.beside('million characters', 'Amazon ')} | {prices.beside('million characters', 'OpenAI ')} |",
        f"| 1,000 chat turns beside the model's tokens | ${chat_turns(prices):.2f} | – | – |",
        f"| a month of doing nothing | ${bare:.2f}, with GPU workers ${bare + network:.2f} | – | – |",
        "",
        f"The card at work is a {card.machine} at ${card.usd_per_hour} an hour; {prices.transcriber_seconds} s of it for a second of audio and "
        f"{prices.synthesizer_characters:.0f} characters a second are stated, not measured here. Starting and idling come on top",
        "([simulated](infra/decisions/0051-scaling-rules.md)). Sources, dates and what is not counted stand in [infra/prices.json](infra/prices.json).",
    ]


def written(readme: str) -> str:
    """README with the table of today. Raises ValueError where it has no place for it."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("README.md has no place for the table of costs")
    return f"{before}{begin}\n" + "\n".join(table()) + f"\n{end}{after}"


def main(arguments: list[str]) -> int:
    if arguments == ["--write"]:
        readme = ROOT / "README.md"
        readme.write_text(written(readme.read_text("utf-8")), "utf-8")
    else:
        print("\n".join(table()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
