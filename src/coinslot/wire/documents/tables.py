"""The tables of docs/link/README.md, one for each message and record."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from coinslot.wire.documents.schemas import components
from coinslot.wire.documents.source import DOWN, RECORDS, UP, Json, StructType, attribute_docs, purpose, tag
from coinslot.wire.ids import ID_PATTERN
from coinslot.wire.messages import (
    Bill,
    Config,
    DisplayLanguage,
    Limits,
    Note,
    PackageOffered,
    UpdateKind,
    UpdateStep,
)
from coinslot.wire.records import CurvePoint, DeclineReason, FaultCode, StopReason, Summary
from coinslot.wire.registers import Register

_PARTS: tuple[StructType, ...] = (Limits, Config, Bill, PackageOffered, Summary)
_WORDS = (Register, StopReason, DeclineReason, FaultCode, Note, DisplayLanguage, UpdateKind, UpdateStep)


def tables() -> str:
    """All of it as Markdown."""
    every = components("{name}")
    parts = [
        _section("Messages of the terminal", UP, every),
        _section("Messages of the server", DOWN, every),
        _section("Records", RECORDS, every),
        _section("Parts of messages", _PARTS, every, code=False),
        _curve(every),
        "### Words\n",
        *(_words(kind) for kind in _WORDS),
    ]
    return "\n".join(parts).rstrip() + "\n"


def _section(title: str, kinds: Sequence[StructType], every: dict[str, Json], *, code: bool = True) -> str:
    lines = [f"### {title}\n"]
    for kind in kinds:
        lines.append(f"#### {f'`{tag(kind)}`' if code else kind.__name__}\n\n{purpose(kind)}\n")
        lines.append(_fields(every[kind.__name__], every))
    return "\n".join(lines)


def _fields(schema: Json, every: dict[str, Json]) -> str:
    assert isinstance(schema, dict)
    properties, required = schema["properties"], schema.get("required", [])
    assert isinstance(properties, dict)
    assert isinstance(required, list)
    rows = ["| field | what | may be left out | meaning |", "|---|---|---|---|"]
    for name, part in properties.items():
        assert isinstance(part, dict)
        absent = "" if name in required else f"yes: {_default(part)}"
        rows.append(
            f"| `{name}` | {_cell(_kind(part, every))} | {absent} | {_cell(str(part.get('description', '')))} |"
        )
    return "\n".join(rows) + "\n"


def _curve(every: dict[str, Json]) -> str:
    schema = every[CurvePoint.__name__]
    assert isinstance(schema, dict)
    places = schema["prefixItems"]
    assert isinstance(places, list)
    docs = attribute_docs(CurvePoint)
    rows = [f"#### CurvePoint\n\n{purpose(CurvePoint)} An array of these, in this order:\n"]
    rows += ["| place | what | meaning |", "|---|---|---|"]
    for number, (name, part) in enumerate(zip(CurvePoint.__struct_fields__, places, strict=True)):
        rows.append(f"| {number}: {name} | {_cell(_kind(part, every))} | {_cell(docs.get(name, ''))} |")
    return "\n".join(rows) + "\n"


def _words(kind: type[StrEnum]) -> str:
    docs = attribute_docs(kind)
    rows = [f"#### {kind.__name__}\n\n{purpose(kind)}\n", "| word | meaning |", "|---|---|"]
    rows += [f"| `{member.value}` | {_cell(docs.get(member.name, ''))} |" for member in kind]
    return "\n".join(rows) + "\n"


def _default(part: dict[str, Json]) -> str:
    match part.get("default"):
        case None:
            return "nothing"
        case {} | []:
            return "empty" if not part.get("default") else "the defaults"
        case "":
            return "empty"
        case bool() as truth:
            return f"`{str(truth).lower()}`"
        case value:
            return f"`{value}`"


def _kind(part: Json, every: dict[str, Json]) -> str:
    if not isinstance(part, dict):
        return "any JSON"
    match part:
        case {"$ref": str() as name}:
            return _reference(name, every)
        case {"anyOf": [*choices]}:
            return " or ".join(_kind(choice, every) for choice in choices)
        case {"allOf": [only, *_]}:
            return _kind(only, every)
        case {"oneOf": [*_]}:
            return "a record"
        case {"enum": [*values]}:
            return " or ".join(f'`"{value}"`' for value in values)
        case {"type": "integer", "minimum": low, "maximum": high}:
            return f"integer, {_number(low)} to {_number(high)}"
        case {"type": "string", "pattern": pattern} if pattern == ID_PATTERN:
            return "id"
        case {"type": "string", "pattern": str() as pattern}:
            longest = f", at most {part['maxLength']} characters" if "maxLength" in part else ""
            return f"string `{_plain(pattern)}`{longest}"
        case {"type": "string", "maxLength": longest}:
            return f"string, at most {longest} characters"
        case {"type": "array"}:
            least = f"{part['minItems']} to " if part.get("minItems") else "at most "
            return f"list of {least}{part.get('maxItems', 'any number')}: {_kind(part.get('items'), every)}"
        case {"type": "object", "additionalProperties": value}:
            return f"object: {_keys(part)} → {_kind(value, every)}"
        case {"type": str() as plain}:
            return plain
        case _:
            return "any JSON"


def _keys(part: dict[str, Json]) -> str:
    match part.get("propertyNames"):
        case {"enum": [*values]}:
            return " ".join(f"`{value}`" for value in values)
        case {"pattern": str() as pattern}:
            return f"`{_plain(pattern)}`"
        case _:
            return "name"


def _reference(name: str, every: dict[str, Json]) -> str:
    target = every.get(name)
    if isinstance(target, dict) and "enum" in target:
        return f"a word of {name}"
    return name


def _plain(pattern: str) -> str:
    """Without the guard against Python's own reading of `$`."""
    return pattern.removesuffix(r"(?!\n)")


def _number(value: Json) -> str:
    named: dict[int, str] = {2**53 - 1: "2⁵³−1", 2**31 - 1: "2³¹−1", -(2**31): "−2³¹"}
    return named.get(value, f"{value:,}") if isinstance(value, int) else str(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
