"""JSON Schemas (draft 2020-12) of messages and records."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Annotated

import msgspec
from msgspec import NODEFAULT, Meta, Raw
from msgspec.structs import fields

from coinslot.wire import messages, records, registers
from coinslot.wire.documents.source import DOWN, RECORDS, UP, Json, StructType, attribute_docs, purpose, tag

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REGISTER_FIELDS = ("registers", "start")

_ANY = Annotated[object, Meta(extra_json_schema={"description": "any JSON"})]


def components(template: str) -> dict[str, Json]:
    """Every type of the link by class name; references between them follow `template`."""
    types = [_describable(kind) for kind in (*UP, *DOWN, *RECORDS)]
    _, made = msgspec.json.schema_components(types, ref_template=template)
    found: dict[str, Json] = dict(sorted(made.items()))
    for name, schema in found.items():
        _annotate(name, schema)
    _require_records(found, template)
    return found


def document(kind: StructType) -> dict[str, Json]:
    """One message or record as a schema that needs no other file."""
    every = components("#/$defs/{name}")
    return {
        "$schema": DIALECT,
        "title": tag(kind),
        "$ref": f"#/$defs/{kind.__name__}",
        "$defs": {name: every[name] for name in sorted(_reachable(every, kind.__name__))},
    }


def _describable(kind: StructType) -> StructType:
    """`kind`, or its likeness with "any JSON" for a field whose default is raw bytes: msgspec writes no
    schema for those."""
    if not any(isinstance(field.default, Raw) for field in fields(kind)):
        return kind
    likeness: list[tuple[str, object] | tuple[str, object, object]] = []
    for field in fields(kind):
        if isinstance(field.default, Raw):
            likeness.append((field.encode_name, _ANY, None))
        elif field.required:
            likeness.append((field.encode_name, field.type))
        elif field.default is not NODEFAULT:
            likeness.append((field.encode_name, field.type, field.default))
        else:
            made_anew = msgspec.field(default_factory=field.default_factory)
            likeness.append((field.encode_name, field.type, made_anew))
    made: StructType = msgspec.defstruct(
        kind.__name__,
        likeness,
        namespace={"__doc__": kind.__doc__},
        kw_only=True,
        tag=tag(kind),
        tag_field="type",
    )
    return made


def _annotate(name: str, schema: Json) -> None:
    kind = _class_named(name)
    if kind is None or not isinstance(schema, dict):
        return
    docs = attribute_docs(kind)
    schema["description"] = purpose(kind)
    if issubclass(kind, Enum):
        schema["description"] = "\n".join(
            [purpose(kind), *(f"{member.value}: {docs.get(member.name, '')}" for member in kind)]
        )
        schema["enum"] = [member.value for member in kind]
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return
    for field, part in properties.items():
        assert isinstance(part, dict)
        if field in docs:
            part["description"] = docs[field]
        if field in _REGISTER_FIELDS and part.get("type") == "object":
            # msgspec leaves out that the keys are an enum.
            part["propertyNames"] = {"enum": [member.value for member in registers.Register]}


def _require_records(found: dict[str, Json], template: str) -> None:
    """The server parses each record by itself, so that a bad one blocks no other; a sender owes all good."""
    schema = found["Records"]
    assert isinstance(schema, dict)
    properties = schema["properties"]
    assert isinstance(properties, dict)
    listed = properties["records"]
    assert isinstance(listed, dict)
    listed["items"] = {"oneOf": [{"$ref": template.format(name=kind.__name__)} for kind in RECORDS]}


def _class_named(name: str) -> type | None:
    for module in (messages, records, registers):
        kind = getattr(module, name, None)
        if isinstance(kind, type):
            return kind
    return None


def _reachable(every: dict[str, Json], name: str) -> set[str]:
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        at = waiting.pop()
        if at not in seen:
            seen.add(at)
            waiting.extend(_references(every[at]))
    return seen


def _references(schema: Json) -> Iterable[str]:
    match schema:
        case dict():
            for key, value in schema.items():
                if key == "$ref" and isinstance(value, str):
                    yield value.rsplit("/", 1)[1]
                yield from _references(value)
        case list():
            for value in schema:
                yield from _references(value)
        case _:
            return
