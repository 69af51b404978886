"""What an image is made of, as CycloneDX: `python3 infra/images/sbom.py NAME ENVIRONMENT FILE LOCK…`, the last of the Dockerfiles' steps.

Its base by digest (BASE of the environment), the packages that are really in ENVIRONMENT with the hashes that the locks allow for them,
and the files of the models of functions/NAME/models.lock. A package that no lock names ends the build. The same image gives the same
document: there is no date in it, and its number is made of the rest. Only the standard library is used: nothing is installed for this.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import uuid
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BASE = re.compile(r"(?P<name>[^:@]+):(?P<tag>[^@]+)@sha256:(?P<digest>[0-9a-f]{64})")
CLASSIFIER = "License :: "


class SbomError(Exception):
    """The image cannot be described; the text says what is wrong with it."""


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def hashed(*values: str) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": value} for value in values]


def base(reference: str) -> dict[str, Any]:
    """reference: with its tag and its digest."""
    found = BASE.fullmatch(reference)
    if not found:
        raise SbomError(f"BASE is {reference!r}: it must have a tag and a digest")
    host, _, name = found["name"].partition("/")
    purl = f"pkg:docker/{name}@sha256:{found['digest']}?repository_url={host}"
    about = {"name": found["name"], "version": found["tag"], "purl": purl}
    return {"type": "container", "bom-ref": purl, **about, "hashes": hashed(found["digest"])}


def locked(locks: Sequence[Path]) -> dict[tuple[str, str | None], list[str]]:
    """What may be installed: the hashes by name and version, which is None where the lock names an address instead."""
    found: dict[tuple[str, str | None], list[str]] = {}
    for lock in locks:
        for each in re.finditer(r"^(?P<what>[A-Za-z0-9].*)\n(?P<more>(?:[ \t].*\n)*)", lock.read_text(), re.MULTILINE):
            name, _, version = each["what"].split()[0].rstrip(";\\").partition("==")
            found[normal(name), version or None] = re.findall(r"--hash=sha256:([0-9a-f]{64})", each.group())
    return found


def licences(package: Distribution) -> list[dict[str, Any]]:
    """As the package's metadata say it: an expression of SPDX, or the names of its classifiers, or one line of its own."""
    metadata = package.metadata
    if expression := metadata.get("License-Expression"):
        return [{"expression": expression}]
    classifiers = [each for each in metadata.get_all("Classifier", []) if each.startswith(CLASSIFIER)]
    names = [each.rsplit(" :: ", 1)[1] for each in classifiers if each != f"{CLASSIFIER}OSI Approved"]
    own = (metadata.get("License") or "").strip()
    if not names and own and "\n" not in own and own.upper() != "UNKNOWN":
        names = [own]
    return [{"license": {"name": name}} for name in dict.fromkeys(names)]


def packages(environment: Path, locks: Sequence[Path]) -> Iterator[dict[str, Any]]:
    known = locked(locks)
    folders = [str(folder) for folder in environment.glob("lib/python*/site-packages")]
    for package in sorted(distributions(path=folders), key=lambda each: normal(each.metadata["Name"])):
        name, version = normal(package.metadata["Name"]), package.version
        allowed = known.get((name, version)) or known.get((name, None))
        if not allowed:
            raise SbomError(f"{name} {version} is installed and stands in no lock")
        purl = f"pkg:pypi/{name}@{version.replace('+', '%2B')}"
        component: dict[str, Any] = {"type": "library", "bom-ref": purl, "name": name, "version": version}
        if found := licences(package):
            component["licenses"] = found
        component["purl"] = purl
        # A lock allows all the files of a version that a registry has; which of them it was, only a lone hash tells.
        if len(allowed) == 1:
            component["hashes"] = hashed(*allowed)
        about = {"type": "distribution", "url": purl, "comment": "the lock allows a file with one of these hashes"}
        component["externalReferences"] = [{**about, "hashes": hashed(*allowed)}]
        yield component


def models(name: str) -> Iterator[dict[str, Any]]:
    """The weights, which the image holds or its container fetches; either way it takes no others."""
    lock = json.loads((ROOT / "functions" / name / "models.lock").read_text())
    for model in lock["models"]:
        reference = f"model:{model['name']}@{model['revision']}"
        files = [
            {
                "type": "file",
                "bom-ref": f"{reference}/{each['path']}",
                "name": each["path"],
                "hashes": hashed(each["sha256"]),
            }
            for each in model["files"]
        ]
        about = {
            "name": model["name"],
            "version": model["revision"],
            "licenses": [{"license": {"name": model["licence"]}}],
        }
        if "://" not in model["source"]:
            about["purl"] = f"pkg:huggingface/{model['source']}@{model['revision']}"
        yield {"type": "machine-learning-model", "bom-ref": reference, **about, "components": files}


def sbom(name: str, environment: Path, locks: Sequence[Path], image: str) -> dict[str, Any]:
    components = [base(image), *packages(environment, locks), *models(name)]
    described = {"type": "container", "bom-ref": f"antiphon-{name}", "name": f"antiphon-{name}"}
    tools = {"components": [{"type": "application", "name": "infra/images/sbom.py"}]}
    number = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([described, components]))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{number}",
        "version": 1,
        "metadata": {"tools": tools, "component": described},
        "components": components,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="What an image is made of, as CycloneDX.")
    parser.add_argument("name", choices=("transcriber", "synthesizer"))
    parser.add_argument("environment", type=Path)
    parser.add_argument("file", type=Path)
    parser.add_argument("locks", type=Path, nargs="+")
    chosen = parser.parse_args(arguments)
    try:
        document = sbom(chosen.name, chosen.environment, chosen.locks, os.environ.get("BASE", ""))
    except SbomError as error:
        print(f"antiphon: {error}", file=sys.stderr)
        return 1
    chosen.file.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
