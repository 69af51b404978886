"""`make admin EMAIL=…`: make a registered user an administrator.

Nobody is one from the beginning, and no address makes anybody one: whoever may write the stack's table names the first by hand, and that one the others.
Works on whatever account the AWS variables point to: `. .antiphon/run/env` for the laptop, a profile for the cloud.
"""

from __future__ import annotations

import os
import sys

from antiphon.identity.administer import Administer, By, Wish
from antiphon.identity.dynamo import DynamoUsers
from antiphon.platform.clock import system_clock
from antiphon.platform.errors import AntiphonError
from antiphon.platform.table import Table
from infra.local.redrive import outputs

OPERATOR = "operator"
"""The actor in the audit log."""


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: make admin EMAIL=anna@example.com", file=sys.stderr)
        return 2
    region = os.environ.get("AWS_REGION", "us-east-1")
    table = outputs(os.environ.get("ANTIPHON_STACK", "antiphon"), region)["TableName"]
    administer = Administer(users=DynamoUsers(Table(table, region)), clock=system_clock)
    try:
        found = administer.find(arguments[0], 1).items
        if not found:
            print(f"Nobody is registered as {arguments[0]}; register first.", file=sys.stderr)
            return 1
        user = administer.change(By(OPERATOR), found[0].id, Wish(role="admin"))
    except AntiphonError as error:
        print(error.detail, file=sys.stderr)
        return 1
    print(f"{user.email} ({user.id}) is an administrator now.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
