"""The wall's routes."""

from __future__ import annotations

from litestar.types import ControllerRouterHandler


def wall_pages() -> list[ControllerRouterHandler]:
    """All of them."""
    return []
