"""Engines of these tests' own, to be killed and spoilt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.engines import engine_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    """A fresh folder that an unprivileged child may pass through."""
    with engine_folder() as path:
        yield path
