"""A desk for each test: settlement on real PostgreSQL, terminals played by hand."""

from __future__ import annotations

import pytest

from coinslot.engines.connect import Pool
from tests.support.desk import Desk


@pytest.fixture
async def desk(pool: Pool) -> Desk:
    return await Desk(pool).open()
