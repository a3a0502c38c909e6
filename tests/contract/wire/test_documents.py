"""The published documents are what the types say, and agree with the codec about every vector."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from jsonschema import Draft7Validator, Draft202012Validator  # type: ignore[import-untyped]

from coinslot.wire import generate
from coinslot.wire.codec import WireError, decode_down, decode_record, decode_up, encode
from coinslot.wire.documents.examples import EXAMPLES, Anything, Example
from coinslot.wire.documents.refusals import REFUSALS, Refusal
from coinslot.wire.documents.source import DOWN, RECORDS, UP, StructType, tag
from coinslot.wire.messages import Records

DECODERS: dict[str, Callable[[bytes], Anything]] = {
    "up": decode_up,
    "down": decode_down,
    "record": decode_record,
}
FOLDERS = {"up": "up", "down": "down", "record": "records"}


class Vector(msgspec.Struct):
    name: str
    direction: str
    base64: str
    text: str | None
    type: str = ""
    reason: str = ""


class Vectors(msgspec.Struct):
    link_version: str
    valid: list[Vector]
    invalid: list[Vector]


PUBLISHED = msgspec.json.decode((generate.FOLDER / "vectors.json").read_bytes(), type=Vectors)


def schema_of(direction: str, kind: str) -> Draft202012Validator:
    path = generate.FOLDER / "schemas" / FOLDERS[direction] / f"{kind}.json"
    schema = json.loads(path.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_the_published_documents_are_current() -> None:
    assert generate.stale(generate.FOLDER) == []
    assert generate.main(["--check"]) == 0


def test_check_names_changed_missing_and_left_over_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "README.md").write_text((generate.FOLDER / "README.md").read_text("utf-8"), "utf-8")
    assert generate.main(["--folder", str(tmp_path)]) == 0
    assert generate.main(["--folder", str(tmp_path), "--check"]) == 0

    (tmp_path / "vectors.json").write_text("{}")
    (tmp_path / "schemas" / "up" / "hello.json").unlink()
    (tmp_path / "schemas" / "up" / "gossip.json").write_text("{}")
    assert generate.main(["--folder", str(tmp_path), "--check"]) == 1
    said = capsys.readouterr().err
    for name in ("vectors.json", "schemas/up/hello.json", "schemas/up/gossip.json"):
        assert name in said

    assert generate.main(["--folder", str(tmp_path)]) == 0
    assert generate.stale(tmp_path) == []
    assert not (tmp_path / "schemas" / "up" / "gossip.json").exists()


@pytest.mark.parametrize("kind", [*UP, *DOWN, *RECORDS], ids=tag)
def test_every_type_has_two_examples_unless_it_has_no_choices(kind: StructType) -> None:
    count = sum(type(example.message) is kind for example in EXAMPLES)
    few = tag(kind) in ("alive", "gone", "ping", "stop", "update", "qr_wanted")
    assert count >= (1 if few else 2)


def test_names_are_unique() -> None:
    assert len({example.name for example in EXAMPLES}) == len(EXAMPLES) == len(PUBLISHED.valid)
    assert len({refusal.name for refusal in REFUSALS}) == len(REFUSALS) == len(PUBLISHED.invalid)


@pytest.mark.parametrize("vector", PUBLISHED.valid, ids=lambda vector: vector.name)
def test_a_vector_decodes_and_encodes_to_the_same_bytes(vector: Vector) -> None:
    data = base64.b64decode(vector.base64)
    assert vector.text is not None
    assert vector.text.encode() == data
    message = DECODERS[vector.direction](data)
    assert tag(type(message)) == vector.type
    assert encode(message) == data
    if isinstance(message, Records):
        for record in message.records:
            assert encode(decode_record(record)) == bytes(record)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_survives_the_wire(example: Example) -> None:
    data = encode(example.message)
    assert encode(DECODERS[generate.direction_of(example.message)](data)) == data


@pytest.mark.parametrize("vector", PUBLISHED.valid, ids=lambda vector: vector.name)
def test_the_published_schema_accepts_a_vector(vector: Vector) -> None:
    schema_of(vector.direction, vector.type).validate(json.loads(base64.b64decode(vector.base64)))


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.name)
def test_what_must_be_refused_raises_and_has_a_reason(refusal: Refusal) -> None:
    assert refusal.reason
    with pytest.raises(WireError) as caught:
        DECODERS[refusal.direction](refusal.data)
    assert str(caught.value)


# JSON itself, the length of the whole message, and 1.0 (an integer to JSON Schema) are beyond a schema.
BEYOND_SCHEMAS = {"link as a fraction", "link with an exponent", "too long", "too deep"}


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.name)
def test_the_schemas_refuse_it_too_where_they_can(refusal: Refusal) -> None:
    try:
        value = json.loads(refusal.data.decode())
    except (ValueError, RecursionError):
        pytest.skip("not JSON, so no schema is asked")
    if refusal.name in BEYOND_SCHEMAS or isinstance(value, float):
        pytest.skip("beyond what a schema can say")
    kinds = {"up": UP, "down": DOWN, "record": RECORDS}[refusal.direction]
    assert not any(schema_of(refusal.direction, tag(kind)).is_valid(value) for kind in kinds)


def test_the_asyncapi_document_is_whole() -> None:
    document = json.loads((generate.FOLDER / "asyncapi.json").read_text(encoding="utf-8"))
    assert document["asyncapi"] == "3.0.0"
    assert set(document["components"]["messages"]) == {tag(kind) for kind in (*UP, *DOWN)}
    for reference in references(document):
        at = document
        for step in reference.removeprefix("#/").split("/"):
            at = at[step]
    for message in document["components"]["messages"].values():
        schema = {**message["payload"], "components": document["components"]}
        Draft7Validator.check_schema(document["components"]["schemas"])
        assert message["examples"]
        for example in message["examples"]:
            Draft7Validator(schema).validate(example["payload"])


def references(value: object) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [found for part in value.values() for found in references(part)]
    if isinstance(value, list):
        return [found for part in value for found in references(part)]
    return []
