from __future__ import annotations

from pathlib import Path

import pytest

from antiphon.platform.table import Table
from tests.integration.crash_points.world import World


@pytest.fixture
def world(table: Table, tmp_path: Path) -> World:
    return World(table, tmp_path)
