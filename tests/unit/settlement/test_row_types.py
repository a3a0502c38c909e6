"""The types that rows travel as are in the migrations exactly as the code sends them."""

from __future__ import annotations

import pytest

from coinslot.engines.migrate import load
from coinslot.settlement.rows import composites

EVERY = "\n".join(migration.sql for migration in load())


@pytest.mark.parametrize("composite", composites(), ids=lambda sql: sql.split()[2])
def test_a_migration_makes_this_type(composite: str) -> None:
    assert EVERY.count(composite) == 1
