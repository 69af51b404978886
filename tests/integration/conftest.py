"""Fixtures of the contract suites, for integration tests that need a table too."""

from tests.contract.conftest import aws, service_models, table

__all__ = ["aws", "service_models", "table"]
