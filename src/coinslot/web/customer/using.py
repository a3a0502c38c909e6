"""The pages from the start of a session on: the live meter, the bill, what was before, oneself."""

from __future__ import annotations

from litestar.types import ControllerRouterHandler

USING: list[ControllerRouterHandler] = []
