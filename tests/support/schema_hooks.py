"""Read by schemathesis: much of what it makes up is exchanged for what the operator really has.

Without this nearly every request ends at the first lookup, with a 404. What the document calls wrong stays wrong.
"""

from __future__ import annotations

import json
import os
import re
import zlib
from typing import Final

import schemathesis

KNOWN_VARIABLE: Final = "API_WORLD"
_KNOWN: Final[dict[str, list[str]]] = json.loads(os.environ.get(KNOWN_VARIABLE, "{}"))
_RIGHT: Final = {
    "phone": re.compile(r".{5,32}", re.DOTALL),
    "code": re.compile(r".{1,20}", re.DOTALL),
    "name": re.compile(r".{1,80}", re.DOTALL),
    "id_number": re.compile(r".{1,40}", re.DOTALL),
    "picture": re.compile(r"(?:[A-Za-z0-9+/]{4})*"),
    "address": re.compile(r".{1,64}", re.DOTALL),
}
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")


def _exchanged(name: str, value: object) -> object:
    known = _KNOWN.get(name)
    if known is None or not isinstance(value, str) or not _RIGHT.get(name, _ID).fullmatch(value):
        return value
    # By the value itself: the same seed makes the same requests.
    chance = zlib.crc32(f"{name} {value}".encode("utf-8", "surrogatepass"))
    return known[chance // 3 % len(known)] if chance % 3 else value


@schemathesis.hook
def map_path_parameters(
    context: schemathesis.HookContext, path_parameters: dict[str, object] | None
) -> dict[str, object] | None:
    if path_parameters is None:
        return None
    return {name: _exchanged(name, value) for name, value in path_parameters.items()}


@schemathesis.hook
def map_query(context: schemathesis.HookContext, query: dict[str, object] | None) -> dict[str, object] | None:
    if query is None:
        return None
    return {name: _exchanged(name, value) for name, value in query.items()}


@schemathesis.hook
def map_body(context: schemathesis.HookContext, body: object) -> object:
    if not isinstance(body, dict):
        return body
    return {name: _exchanged(name, value) for name, value in body.items()}
