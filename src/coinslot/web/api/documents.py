"""The OpenAPI document: what is said of every route alike."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Components, Example, License, SecurityScheme, Tag

from coinslot import __version__
from coinslot.settlement.requests import Refused
from coinslot.web.api import refusals
from coinslot.web.api.completing import DocumentPlugin
from coinslot.web.api.examples import AT, PROOF
from coinslot.web.keys import no_key
from coinslot.web.problems import (
    MEDIA_TYPE,
    Problem,
    ProblemDetails,
    invalid,
    not_found,
    not_json,
    too_large,
    unavailable,
)

BODY: Final = ("not_json", "too_large", "invalid")
"""What any route with a body may answer."""

_MEANINGS: Final[Mapping[int, str]] = {
    400: "The body is not JSON.",
    401: "No live key of an operator.",
    402: "Not enough money, or arrears.",
    403: "Not the right one, or the operator's rules do not allow it yet.",
    404: "There is none, or it is not your operator's.",
    409: "It stands against what is stored already.",
    410: "What was asked about is over.",
    413: "The body is larger than any request needs.",
    422: "A field is wrong; `errors` says which and why.",
    423: "Out of service.",
    429: "Too many tries; wait as long as `Retry-After` says.",
    503: "Not now; the same request may succeed in a moment.",
}

_EXAMPLES: Final[tuple[Problem, ...]] = (
    *(refusals.refusal_problem(Refused(reason=one)) for one in refusals.WORDINGS),
    refusals.too_many_live(),
    refusals.already_live(),
    not_json("JSON is malformed: expected '}' (byte 12)"),
    no_key(),
    refusals.wrong_code(4),
    refusals.wrong_tail(2),
    not_found(),
    refusals.phone_taken(),
    refusals.still_yours(PROOF),
    refusals.no_merchant(),
    refusals.payment_over(),
    refusals.too_many_attempts(),
    refusals.too_many_open(),
    refusals.too_much(1200),
    refusals.too_many_withdrawals(),
    refusals.bonus_held(100),
    refusals.erased(),
    refusals.not_ended(),
    refusals.code_over(),
    too_large(16 * 1024),
    invalid("outlet", "Expected `int` <= 255"),
    refusals.no_such_code(),
    refusals.too_many_codes(AT + timedelta(seconds=41), AT),
    refusals.too_many_tries(6),
    refusals.not_sent("the provider refuses the template; see the settings"),
    refusals.busy_pictures(),
    unavailable("busy_database", "Too much is being asked at this moment; nothing was held."),
    unavailable("unavailable", "The database or the broker does not answer; ask again."),
    unavailable("closing", "This server is stopping; ask again."),
)
_BY_REASON: Final = {problem.details.reason: problem for problem in _EXAMPLES}


def problem_answers(*reasons: str, keyed: bool = True) -> dict[int, ResponseSpec]:
    """The problems a route can answer with, each reason with an example; `keyed`: it asks for an operator's key.

    Every route may find the database away, and the server about to stop.
    """
    own = (*(("no_key",) if keyed else ()), *reasons, "unavailable", "busy_database", "closing")
    by_status: dict[int, list[Problem]] = {}
    for reason in own:
        problem = _BY_REASON[reason]
        by_status.setdefault(problem.details.status, []).append(problem)
    return {status: _answer(status, by_status[status]) for status in sorted(by_status)}


def _answer(status: int, problems: list[Problem]) -> ResponseSpec:
    return ResponseSpec(
        data_container=ProblemDetails,
        generate_examples=False,
        description=_MEANINGS[status],
        media_type=MEDIA_TYPE,
        examples=[Example(summary=one.details.reason, value=one.document()) for one in problems],
    )


def openapi() -> OpenAPIConfig:
    """The document at `/api/openapi.json`; no page that would load anything from elsewhere."""
    return OpenAPIConfig(
        title="coinslot",
        version=__version__,
        summary="Start, watch and stop the use of appliances; read what they cost.",
        description=(
            "Every amount is a whole number of minor units (fen, cents). Every error is a problem after RFC 9457; "
            "compare its `reason`. A key belongs to one operator, and sees nothing of any other. Routes may gain"
            " fields and reasons; what is there keeps its name and meaning for as long as its path says `v1`."
        ),
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        path="/api",
        render_plugins=[DocumentPlugin(path="/openapi.json")],
        use_handler_docstrings=True,
        operation_id_creator=lambda handler, _method, _path: handler.handler_name,
        tags=[
            Tag(name="Appliances", description="What there is, how it stands, what it costs now."),
            Tag(name="Customers", description="Registered, found, paid in at a counter, known by name."),
            Tag(
                name="Payments",
                description="Top-ups by providers, and withdrawals back to where they came from.",
            ),
            Tag(name="Logins", description="Phone and code, for an operator's own app."),
            Tag(name="Sessions", description="One use of an appliance: start, watch, stop, bill, report."),
            Tag(name="Codes for keypads", description="For customers who stand in front of an appliance."),
            Tag(name="Terminals", description="For the controllers inside appliances."),
        ],
        components=Components(
            security_schemes={
                "key": SecurityScheme(
                    type="http",
                    scheme="bearer",
                    description="`coinslot operator api-key create NAME` makes one and shows it once.",
                )
            }
        ),
    )
