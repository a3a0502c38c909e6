"""Errors as RFC 9457 problem details, one shape for every route."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final

import msgspec
from litestar.response import Response
from msgspec import Meta, Struct

from coinslot.web.tracing import request_id

MEDIA_TYPE: Final = "application/problem+json"
_TYPE_PREFIX: Final = "urn:coinslot:problem:"


class FieldProblem(Struct, frozen=True):
    """What is wrong with one field of a request."""

    field: Annotated[str, Meta(examples=["outlet"])]
    reason: Annotated[str, Meta(examples=["Expected `int` <= 255"])]


class ProblemDetails(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 9457, with `reason` as the short word that programs compare; figures in minor units."""

    type: Annotated[str, Meta(examples=["urn:coinslot:problem:no_balance"])]
    title: Annotated[str, Meta(examples=["The balance is too low"])]
    status: Annotated[int, Meta(examples=[402])]
    detail: Annotated[str, Meta(examples=["The tariff asks for 500 minor units and the wallet holds 120."])]
    reason: Annotated[str, Meta(examples=["no_balance"])]
    errors: tuple[FieldProblem, ...] = ()
    needed_minor: int | None = None
    balance_minor: int | None = None
    arrears_minor: int | None = None
    again_at: Annotated[
        datetime | None,
        Meta(description="From when on the same may be asked for again, where only time stands in the way."),
    ] = None
    tries_left: Annotated[int | None, Meta(description="Of a code or an ID number's end.")] = None
    proof: Annotated[str | None, Meta(description="A secret: for the next request alone.")] = None
    request_id: Annotated[str | None, Meta(examples=["5f2b9c0e7d1a4c38"])] = None
    """Name it when you ask about this answer: the log has it too."""


class Problem(Exception):
    """Raised anywhere in a request; answered as its details."""

    def __init__(
        self,
        status: int,
        reason: str,
        title: str,
        detail: str,
        *,
        errors: tuple[FieldProblem, ...] = (),
        headers: Mapping[str, str] | None = None,
        needed_minor: int | None = None,
        balance_minor: int | None = None,
        arrears_minor: int | None = None,
        again_at: datetime | None = None,
        tries_left: int | None = None,
        proof: str | None = None,
    ) -> None:
        super().__init__(f"{status} {reason}")
        self.headers = dict(headers or {})
        self.details = ProblemDetails(
            type=_TYPE_PREFIX + reason,
            title=title,
            status=status,
            detail=detail,
            reason=reason,
            errors=errors,
            needed_minor=needed_minor,
            balance_minor=balance_minor,
            arrears_minor=arrears_minor,
            again_at=again_at,
            tries_left=tries_left,
            proof=proof,
        )

    def document(self) -> dict[str, object]:
        """The body, as an example in a document."""
        built = msgspec.to_builtins(self.details)
        assert isinstance(built, dict)
        return built

    def response(self) -> Response[bytes]:
        """The answer."""
        return Response(
            msgspec.json.encode(msgspec.structs.replace(self.details, request_id=request_id())),
            status_code=self.details.status,
            media_type=MEDIA_TYPE,
            headers=self.headers,
        )


def invalid(field: str, reason: str) -> Problem:
    """422 for one field."""
    return invalid_fields((FieldProblem(field, reason),))


def invalid_fields(errors: tuple[FieldProblem, ...]) -> Problem:
    """422, each field with its reason."""
    words = "; ".join(f"{error.field}: {error.reason}" for error in errors)
    return Problem(422, "invalid", "The request cannot be understood", words, errors=errors)


def not_found() -> Problem:
    """404, the same for what does not exist and for what is another operator's."""
    return Problem(404, "not_found", "Not found", "There is nothing here for this key.")


def not_json(why: str) -> Problem:
    """400: the body cannot be read at all; `why` does not repeat it."""
    return Problem(400, "not_json", "The body is not JSON", why[:200])


def too_large(at_most_bytes: int) -> Problem:
    """413: the body is larger than this route takes."""
    return Problem(413, "too_large", "Too large", f"A body may have at most {at_most_bytes} bytes here.")


def unavailable(reason: str, detail: str, retry_after_s: int = 1) -> Problem:
    """503: the same request may succeed in a moment."""
    return Problem(
        503, reason, "Not available right now", detail, headers={"Retry-After": str(retry_after_s)}
    )
