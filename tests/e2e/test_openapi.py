"""A-66: Schemathesis sends what the document allows and what it forbids, and holds each answer against it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from infra.local.person import Person
from infra.local.stack import LocalStack

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "ignored_auth",
    "use_after_free",
    "ensure_resource_availability",
)
ENDS_THE_ACCOUNT = ("deleteMe", "deleteAuthSessions", "deleteAuthSessionsId")
"""Would sign out the user of the others; test_identity.py and test_erasure.py hold them."""


THOROUGH = os.environ.get("ANTIPHON_THOROUGH") == "1"
PHASES = f"examples,{'coverage,' if THOROUGH else ''}fuzzing,stateful"
"""The phase that tries each bound of each field takes minutes; it is for changes of the contract."""


@pytest.mark.timeout(600)
def test_the_api_keeps_its_contract(stack: LocalStack, http: httpx.Client, tmp_path: Path) -> None:
    """At least a thousand cases."""
    person = Person.register(http)
    stack.client("dynamodb").update_item(
        TableName=stack.outputs["TableName"],
        Key={"pk": {"S": f"user#{person.id}"}, "sk": {"S": "profile"}},
        UpdateExpression="SET tier = :t",
        ExpressionAttributeValues={":t": {"S": "enterprise"}},
    )
    command = [str(Path(sys.executable).parent / "schemathesis"), "run", f"{stack.url}/v1/openapi.json"]
    command += ["--checks", ",".join(CHECKS), "--header", f"Authorization: Bearer {person.token}"]
    command += ["--max-examples", "10" if THOROUGH else "5", "--seed", "1", "--phases", PHASES, "--no-color"]
    command += ["--request-timeout", "30", "--workers", "2", "--suppress-health-check", "all", "--max-failures", "40"]
    for name in ENDS_THE_ACCOUNT:
        command += ["--exclude-operation-id", name]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    print(done.stdout[-60_000:], done.stderr[-2_000:])
    assert done.returncode == 0
