"""Reading requests: bodies decoded strictly into their type, straight from the bytes."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, TypeVar

import msgspec
from litestar import Request
from litestar.datastructures import State
from msgspec import Struct

from coinslot.web.problems import FieldProblem, Problem, invalid_fields, not_json
from coinslot.wire.ids import OperatorId

MAX_BODY_BYTES: Final = 16 * 1024
"""No request of ours needs a kilobyte."""

S = TypeVar("S", bound=Struct)
_AT = re.compile(r"^(?P<reason>.*?)(?: - at `\$\.?(?P<path>[^`]*)`)?$", re.DOTALL)
_NAMED = re.compile(r"^Object (?P<what>missing required|contains unknown) field `(?P<field>[^`]*)`$")
_MOST_SHOWN: Final = 80


class ApiRequest(Request[OperatorId, str, State]):
    """A request whose `user` is the operator of its key; guards set it, nothing else can."""

    async def json(self) -> object:
        """The body as the struct that the route names in its `opt`. Problem when it is not one."""
        kind = self.route_handler.opt.get("body")
        if not (isinstance(kind, type) and issubclass(kind, Struct)):
            raise Problem(400, "no_body", "No body is expected", "Send this request without a body.")
        return decode(await self.body(), kind)


def decode(body: bytes, kind: type[S]) -> S:
    """`body` as `kind`, no type guessed, no field ignored. Problem 400 for what is no JSON, 422 for fields."""
    try:
        decoder: msgspec.json.Decoder[S] = _decoder(kind)
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise invalid_fields((_field_problem(str(error)),)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # Which byte is wrong helps its author; the text itself may be anything and is not repeated.
        why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise not_json(why) from None


@lru_cache(maxsize=64)
def _decoder(kind: type[S]) -> msgspec.json.Decoder[S]:
    return msgspec.json.Decoder(kind)


def _field_problem(message: str) -> FieldProblem:
    match = _AT.match(message)
    assert match is not None  # every text matches
    reason, path = match["reason"], match["path"] or ""
    named = _NAMED.match(reason)
    if named is None:
        return FieldProblem(path or "body", reason)
    field = ".".join(filter(None, (path, named["field"][:_MOST_SHOWN])))
    return FieldProblem(field, "is required" if named["what"].startswith("missing") else "is not known here")
