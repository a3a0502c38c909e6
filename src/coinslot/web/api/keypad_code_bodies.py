"""The bodies of requests and answers about codes for keypads, each with an example for the document."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, TypeAlias

from msgspec import Meta, Struct

from coinslot.settlement.codes.model import CodeState, Scope
from coinslot.wire.ids import ApplianceId, CustomerId, Id, SessionId, TerminalId

_CUSTOMER: Final = "cus_1ht59z3k7b2n5p8q1s4v6x9z"
_APPLIANCE: Final = "app_1ht59x2j6a1m4n7p9r3t5w8y"
_TERMINAL: Final = "trm_1ht59w1h5z9k3m6n8q2s4v7x"
_CODE: Final = "cod_1ht5ah1x0c9qj9m6t2r4v8wz"

_Outlet: TypeAlias = Annotated[
    int,
    Meta(ge=0, le=255, description="Left out: the first of the appliance that can be used.", examples=[0]),
]
_Cap: TypeAlias = Annotated[
    int,
    Meta(
        ge=1,
        le=10**9,
        description="To give away: whoever types it uses at most so much of the customer's balance.",
        examples=[500],
    ),
]


class KeypadCodeBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who wants to type a code, and where."""

    customer: Annotated[Id, Meta(description="The customer's id.", examples=[_CUSTOMER])]
    appliance: Annotated[Id, Meta(description="The appliance's public code.", examples=["7KQ2M4XR"])]
    outlet: _Outlet | None = None
    any_of_room: Annotated[
        bool, Meta(description="For any free outlet of the room that the appliance is in.", examples=[False])
    ] = False
    renew: Annotated[
        bool, Meta(description="Cancel the live code that the customer has, if any.", examples=[True])
    ] = False
    cap_minor: _Cap | None = None


class KeypadCode(Struct, frozen=True, kw_only=True):
    """A code for a keypad."""

    id: Annotated[str, Meta(examples=[_CODE])]
    customer: Annotated[CustomerId, Meta(examples=[_CUSTOMER])]
    digits: Annotated[
        str | None,
        Meta(
            description=(
                "What to type; only while it is live. A secret of the customer. Look again when the customer comes"
                " to the appliance: typed at a wrong one, a code gets other digits."
            ),
            examples=["48203915"],
        ),
    ]
    scope: Annotated[Scope, Meta(examples=["outlet"])]
    appliance: Annotated[
        ApplianceId | None, Meta(description="None: any of the room.", examples=[_APPLIANCE])
    ]
    terminal: Annotated[TerminalId | None, Meta(examples=[_TERMINAL])]
    outlet: Annotated[int | None, Meta(examples=[0])]
    room: Annotated[str, Meta(examples=["East 2"])]
    cap_minor: Annotated[int | None, Meta(examples=[None])]
    state: Annotated[CodeState, Meta(examples=["live"])]
    session: Annotated[SessionId | None, Meta(description="What it has opened.", examples=[None])]
    created_at: datetime
    expires_at: datetime

    def __repr__(self) -> str:
        """Without the digits: this could end up in a log."""
        return f"KeypadCode({self.id!r}, {self.state.value})"


_AT: Final = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
KEYPAD_CODE_EXAMPLES: Final[tuple[Struct, ...]] = (
    KeypadCodeBody(customer=_CUSTOMER, appliance="7KQ2M4XR", outlet=0),
    KeypadCode(
        id=_CODE,
        customer=CustomerId(_CUSTOMER),
        digits="48203915",
        scope=Scope.OUTLET,
        appliance=ApplianceId(_APPLIANCE),
        terminal=TerminalId(_TERMINAL),
        outlet=0,
        room="East 2",
        cap_minor=None,
        state=CodeState.LIVE,
        session=None,
        created_at=_AT,
        expires_at=_AT + timedelta(minutes=10),
    ),
)
"""In the story of the others."""
