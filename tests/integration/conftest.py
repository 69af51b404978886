"""Fixtures of the contract suites, for integration tests that need a table too."""

from tests.contract.conftest import aws, cheap_transactions, service_models, table

__all__ = ["aws", "cheap_transactions", "service_models", "table"]
