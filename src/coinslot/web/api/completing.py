"""The OpenAPI document as the framework makes it, completed with what it leaves out.

Schemas come from the very types that read and write bodies, so that the document says what holds; every body and
answer gets an example.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final, TypeAlias

import msgspec
from litestar.connection import Request
from litestar.datastructures import State
from litestar.openapi.plugins import JsonRenderPlugin

from coinslot.web.api.examples import EXAMPLES, STARTED
from coinslot.web.problems import MEDIA_TYPE, ProblemDetails

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
Object: TypeAlias = "dict[str, Json]"

_REF: Final = "#/components/schemas/"
_DONE: Final = {"200": "Done.", "201": "Made.", "202": "Under way."}
_JSON: Final = "application/json"
_STARTS: Final = "/api/v1/sessions"


class DocumentPlugin(JsonRenderPlugin):
    """Renders the completed document."""

    def render(self, request: Request[object, object, State], openapi_schema: Object) -> bytes:
        """The document as JSON."""
        return super().render(request, completed(openapi_schema))


def completed(document: Object) -> Object:
    """A copy of the framework's document with exact schemas, an example for each body, and no answer we never give."""
    whole = _object(json.loads(msgspec.json.encode(document)))
    _object(whole["components"])["schemas"] = _schemas()
    examples: Object = {kind.__name__: _builtins(example) for kind, example in EXAMPLES.items()}
    for path, item in _object(whole["paths"]).items():
        for operation in map(_object, _object(item).values()):
            _complete(operation, examples)
            if path == _STARTS and "201" in _object(operation["responses"]):
                _media(_object(_object(operation["responses"])["201"]))["example"] = _builtins(STARTED)
    return _object(_whole_numbers(whole))


def _complete(operation: Object, examples: Object) -> None:
    body = operation.get("requestBody")
    answers = _object(operation["responses"])
    # The framework's own answer to a wrong parameter; ours is a 422.
    for status in [one for one, answer in answers.items() if not _is_ours(_object(answer))]:
        del answers[status]
    for status, text in _DONE.items():
        if status in answers:
            _object(answers[status])["description"] = text
    for holder in [*([body] if body is not None else []), *(answers[one] for one in _DONE if one in answers)]:
        media = _media(_object(holder))
        name = _object(media["schema"])["$ref"]
        assert isinstance(name, str)
        media["example"] = examples[name.removeprefix(_REF)]


def _is_ours(answer: Object) -> bool:
    content = _object(answer.get("content", {}))
    if MEDIA_TYPE in content:
        return True
    return "$ref" in _object(_media(answer)["schema"])


def _media(holder: Object) -> Object:
    return _object(_object(holder["content"])[_JSON])


def _schemas() -> Object:
    kinds: Iterable[type[msgspec.Struct]] = (*EXAMPLES, ProblemDetails)
    _, found = msgspec.json.schema_components(kinds, ref_template=_REF + "{name}")
    schemas = _object(json.loads(msgspec.json.encode(found)))
    for schema in map(_object, schemas.values()):
        for name, field in _object(schema.get("properties", {})).items():
            if name == "at" or name.endswith("_at"):  # what is called so is a moment
                _put_format(_object(field))
    return schemas


def _put_format(field: Object) -> None:
    choices = field.get("anyOf", [field])
    assert isinstance(choices, list)
    for choice in map(_object, choices):
        if choice.get("type") == "string":
            choice["format"] = "date-time"


def _whole_numbers(value: Json) -> Json:
    """The framework writes limits of integers as 200.0."""
    match value:
        case dict():
            return {name: _whole_numbers(one) for name, one in value.items()}
        case list():
            return [_whole_numbers(one) for one in value]
        case float() if value.is_integer():
            return int(value)
        case _:
            return value


def _builtins(example: msgspec.Struct) -> Json:
    return _object(json.loads(msgspec.json.encode(example)))


def _object(value: Json) -> Object:
    assert isinstance(value, dict)
    return value
