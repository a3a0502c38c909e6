"""The types of the link, and what their docstrings say of each field and member."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import TypeAlias, get_args

from msgspec import Struct
from msgspec.structs import StructConfig

from coinslot.wire.messages import Down, Up
from coinslot.wire.records import Record

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
StructType: TypeAlias = type[Struct]

UP: tuple[StructType, ...] = get_args(Up)
"""Messages a terminal sends."""
DOWN: tuple[StructType, ...] = get_args(Down)
"""Messages the server sends."""
RECORDS: tuple[StructType, ...] = get_args(Record)
"""What a `records` message carries."""


def tag(kind: StructType) -> str:
    """The `type` of a message or record on the wire."""
    config: StructConfig = kind.__struct_config__
    return str(config.tag)


def purpose(kind: type) -> str:
    """A class's docstring as one paragraph."""
    return " ".join(inspect.cleandoc(kind.__doc__ or "").split())


@cache
def attribute_docs(kind: type) -> dict[str, str]:
    """The text under each field or enum member, a base class's too."""
    found: dict[str, str] = {}
    for part in reversed(kind.__mro__):
        if part.__module__.startswith("coinslot.wire."):
            found.update(_docs_in(part))
    return found


def _docs_in(kind: type) -> Iterator[tuple[str, str]]:
    body = _class_bodies(kind.__module__).get(kind.__name__, [])
    for statement, following in pairwise(body):
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                pass
            case _:
                continue
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            yield name, " ".join(str(following.value.value).split())


@cache
def _class_bodies(module: str) -> dict[str, list[ast.stmt]]:
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: node.body for node in tree.body if isinstance(node, ast.ClassDef)}
