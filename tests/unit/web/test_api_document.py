"""The OpenAPI document: what it shows is what the types of bodies and answers read and write."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

import msgspec
import pytest
from jsonschema import Draft202012Validator

from coinslot.web.api.documents import problem_answers
from coinslot.web.api.examples import EXAMPLES
from coinslot.web.app import build_app
from coinslot.web.services import Services
from tests.support.api_document import Document, Operation

TAGS = ["Appliances", "Customers", "Payments", "Logins", "Sessions", "Codes for keypads", "Terminals"]


@cache
def document() -> Document:
    """Of an application that is asked for nothing else."""
    return Document(build_app(cast(Any, Nothing())))


class Nothing:
    """In the place of services that no route is asked for here."""

    def __getattr__(self, name: str) -> None:
        if name not in Services.__dataclass_fields__:
            raise AttributeError(name)


def check(value: object, schema: dict[str, Any]) -> None:
    """ValidationError where the value is not what the schema says."""
    whole = {**schema, "components": document().said["components"]}
    Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(value)


def bodies(operation: Operation) -> list[dict[str, Any]]:
    """What is sent and what is answered."""
    held = [operation.said["requestBody"]] if "requestBody" in operation.said else []
    held += [one for status, one in operation.said["responses"].items() if status < "300"]
    return [one["content"]["application/json"] for one in held]


def test_every_body_and_answer_has_an_example_that_fits_its_schema() -> None:
    names = {kind.__name__ for kind in EXAMPLES}
    seen = set()
    for operation in document().operations():
        found = bodies(operation)
        assert len(found) == (2 if "requestBody" in operation.said else 1)
        for body in found:
            check(body["example"], body["schema"])
            seen.add(body["schema"]["$ref"].rpartition("/")[2])
    assert seen == names


@pytest.mark.parametrize("kind", EXAMPLES, ids=lambda kind: kind.__name__)
def test_an_example_is_read_by_the_type_that_reads_requests(kind: type[msgspec.Struct]) -> None:
    written = msgspec.json.encode(EXAMPLES[kind])
    assert msgspec.json.decode(written, type=kind) == EXAMPLES[kind]


def test_every_problem_fits_its_schema_and_stands_under_its_status() -> None:
    for operation in document().operations():
        for status, answer in operation.said["responses"].items():
            if status < "400":
                continue
            content = answer["content"]["application/problem+json"]
            for example in content["examples"].values():
                check(example["value"], content["schema"])
                assert example["value"]["status"] == int(status)
                assert example["summary"] == example["value"]["reason"]
            assert answer["description"]


def test_every_route_shows_what_every_route_may_answer() -> None:
    for operation in document().operations():
        reasons = operation.reasons
        assert reasons[503] >= {"unavailable", "busy_database", "closing"}
        assert ("no_key" in reasons.get(401, ())) == bool(operation.said.get("security"))
        if "requestBody" in operation.said:
            assert {"not_json"} <= reasons[400]
            assert {"too_large"} <= reasons[413]
            assert {"invalid"} <= reasons[422]
        else:
            assert 400 not in reasons
        if "{" in operation.path:
            assert "not_found" in reasons[404]


def test_bodies_take_no_field_that_they_do_not_name() -> None:
    for operation in document().operations():
        if "requestBody" not in operation.said:
            continue
        name = bodies(operation)[0]["schema"]["$ref"].rpartition("/")[2]
        schema = document().said["components"]["schemas"][name]
        assert schema["additionalProperties"] is False
        assert not {"balance_minor", "role", "operator", "price_minor"} & set(schema["properties"])


def test_moments_and_amounts_are_of_one_kind_everywhere() -> None:
    for name, schema in document().said["components"]["schemas"].items():
        for field, said in schema.get("properties", {}).items():
            kinds = {one.get("type") for one in said.get("anyOf", [said])} - {"null"}
            if field.endswith("_minor"):
                assert kinds == {"integer"}, f"{name}.{field}"
            if field.endswith("_at"):
                formats = {one.get("format") for one in said.get("anyOf", [said])} - {None}
                assert formats == {"date-time"}, f"{name}.{field}"
            assert "number" not in kinds, f"{name}.{field}"


def test_operations_have_names_of_their_own_and_stand_in_the_order_of_their_tags() -> None:
    operations = list(document().operations())
    names = [one.said["operationId"] for one in operations]
    assert len(set(names)) == len(names)
    assert all(name.islower() and "/" not in name for name in names)
    order = [one.said["tags"] for one in operations]
    assert all(len(tags) == 1 for tags in order)
    assert list(dict.fromkeys(tags[0] for tags in order)) == TAGS
    assert [tag["name"] for tag in document().said["tags"]] == TAGS
    assert all(one.said["summary"] and one.said["description"] for one in operations)


def test_a_reason_without_an_example_is_none() -> None:
    with pytest.raises(KeyError):
        problem_answers("made_up")
