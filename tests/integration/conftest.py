"""Fixtures of the contract suites, for integration tests that need a table too."""

from tests.contract.conftest import aws, table

__all__ = ["aws", "table"]
