"""The OpenAPI document as tests look things up in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
from litestar import Litestar

from coinslot.web.api.completing import completed


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    said: dict[str, Any]

    @property
    def reasons(self) -> dict[int, set[str]]:
        """The reasons of problems that it shows, by status."""
        found: dict[int, set[str]] = {}
        for status, answer in self.said["responses"].items():
            for example in answer["content"].get("application/problem+json", {}).get("examples", {}).values():
                found.setdefault(int(status), set()).add(example["value"]["reason"])
        return found


_written: dict[tuple[tuple[str, ...], ...], dict[str, Any]] = {}
"""By the routes that it tells of: to write it takes longer than most tests do."""


class Document:
    """All of it. Not to be changed: whoever has the same routes has the same one."""

    def __init__(self, app: Litestar) -> None:
        routes = tuple(sorted((route.path, *sorted(route.methods)) for route in app.routes))
        if routes not in _written:
            _written[routes] = json.loads(json.dumps(completed(app.openapi_schema.to_schema())))
        self.said = _written[routes]

    def operations(self) -> Iterator[Operation]:
        """Every method of every path."""
        for path, methods in self.said["paths"].items():
            for method, said in methods.items():
                yield Operation(method.upper(), path, said)

    def find(self, method: str, path: str) -> Operation | None:
        """The operation that answers this path: the one with the fewest fields in its place."""
        fits = [
            one
            for one in self.operations()
            if one.method == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", one.path), path)
        ]
        return min(fits, key=lambda one: one.path.count("{"), default=None)

    async def check(self, answer: httpx.Response) -> None:
        """AssertionError for a problem that the document does not show at the route that answered it."""
        operation = self.find(answer.request.method, answer.request.url.path)
        if operation is None or answer.status_code < 400:
            return
        await answer.aread()
        reason = answer.json()["reason"]
        shown = operation.reasons.get(answer.status_code, set())
        assert reason in shown, f"{operation.method} {operation.path} does not show {reason}: {shown}"
