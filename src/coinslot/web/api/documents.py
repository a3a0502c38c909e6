"""The OpenAPI document: what is said of every route alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, Example, License, SecurityScheme

from coinslot import __version__
from coinslot.settlement.requests import Refused
from coinslot.web.api.refusals import WORDINGS, refusal_problem
from coinslot.web.problems import MEDIA_TYPE, Problem, ProblemDetails, invalid, not_found, unavailable

_MEANINGS: Final[Mapping[int, str]] = {
    400: "The body is not JSON.",
    401: "No live key of an operator.",
    402: "Not enough money, or arrears.",
    403: "Not the right code, or the operator's rules do not allow it yet.",
    404: "There is none, or it is not your operator's.",
    409: "It stands against what is stored already.",
    410: "What was asked about is over.",
    413: "The body is larger than any request needs.",
    422: "A field is wrong; `errors` says which and why.",
    423: "Out of service.",
    429: "Too many tries; wait as long as the answer says.",
    503: "Not now; the same request may succeed in a moment.",
}


def problem_answers(*statuses: int) -> dict[int, ResponseSpec]:
    """The problems a route can answer with, with an example for each of their reasons."""
    return {
        status: ResponseSpec(
            data_container=ProblemDetails,
            generate_examples=False,
            description=_MEANINGS[status],
            media_type=MEDIA_TYPE,
            examples=[
                Example(summary=problem.details.reason, value=problem.document())
                for problem in _EXAMPLES
                if problem.details.status == status
            ]
            or None,
        )
        for status in statuses
    }


_EXAMPLES: Final[tuple[Problem, ...]] = (
    *(refusal_problem(Refused(reason=refusal)) for refusal in WORDINGS),
    invalid("outlet", "Expected `int` <= 255"),
    not_found(),
    unavailable("busy_database", "Too much is being asked at this moment."),
)


def openapi() -> OpenAPIConfig:
    """The document at `/api/openapi.json`; no page that would load anything from elsewhere."""
    return OpenAPIConfig(
        title="coinslot",
        version=__version__,
        summary="Start, watch and stop the use of appliances; read what they cost.",
        description=(
            "Every amount is a whole number of minor units (fen, cents). Every error is a problem after RFC 9457; "
            "compare its `reason`. A key belongs to one operator, and sees nothing of any other."
        ),
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        path="/api",
        render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        use_handler_docstrings=True,
        components=Components(
            security_schemes={
                "key": SecurityScheme(
                    type="http", scheme="bearer", description="`coinslot operator` makes keys."
                )
            }
        ),
    )
