"""The bodies of requests and answers that belong to the API alone."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from coinslot.people.real_names import RealNameState
from coinslot.sessions.states import State
from coinslot.web.customer.appliances import Standing
from coinslot.web.customer.report import MOST_WORDS, Complaint
from coinslot.web.reading import Balance
from coinslot.web.views import QuoteView, SessionView
from coinslot.wire.ids import ApplianceId, CustomerId, Id, OperatorId, SessionId, TerminalId
from coinslot.wire.registers import Register

Phone: TypeAlias = Annotated[
    str, Meta(min_length=5, max_length=32, description="A mobile number.", examples=["138 0013 8000"])
]
Language: TypeAlias = Annotated[
    Literal["zh", "en"], Meta(description="Of what the customer is sent.", examples=["zh"])
]
Minor: TypeAlias = Annotated[int, Meta(ge=1, le=10**9, description="Minor units.", examples=[2000])]


class RegisterBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new customer: a name, a phone number, or both."""

    name: Annotated[str, Meta(max_length=80, examples=["Lin"])] = ""
    phone: Phone | None = None


class Registered(Struct, frozen=True, kw_only=True):
    """What is kept of a registration, so that the same request makes no second customer."""

    customer: CustomerId


class PhoneBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose number."""

    phone: Phone


class CustomerView(Struct, frozen=True, kw_only=True):
    """A customer of the operator."""

    id: Annotated[CustomerId, Meta(examples=["cus_1ht59z3k7b2n5p8q1s4v6x9z"])]
    name: Annotated[str, Meta(examples=["Lin"])]
    phone: Annotated[str | None, Meta(description="Masked.", examples=["+86138****8000"])]
    blocked: Annotated[bool, Meta(description="No new session until it is unblocked.", examples=[False])]
    real_name: Annotated[
        RealNameState | None, Meta(description="None: never handed in.", examples=["approved"])
    ]
    created_at: datetime


class PointsView(Struct, frozen=True, kw_only=True):
    """Points of a customer."""

    points: Annotated[int, Meta(examples=[23])]


class TopUpBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Cash that was taken, and what the operator gives on top."""

    amount_minor: Minor
    bonus_minor: Annotated[
        int, Meta(ge=0, le=10**9, description="Can be spent, is never paid out.", examples=[0])
    ] = 0


class TopUpAnswer(Struct, frozen=True, kw_only=True):
    """What became of a payment."""

    repaid_minor: Annotated[int, Meta(description="What of it went to arrears.", examples=[0])]
    balance: Balance


class RealNameBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an identity card says, and its picture."""

    name: Annotated[str, Meta(min_length=1, max_length=80, examples=["张三"])]
    id_number: Annotated[str, Meta(min_length=1, max_length=40, examples=["11010519491231002X"])]
    picture: Annotated[bytes, Meta(description="JPEG, PNG or WebP, in base64.")]

    def __repr__(self) -> str:
        """Without its content: this could end up in a log."""
        return "RealNameBody(…)"


class CodeBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who wants a login code."""

    phone: Phone
    address: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=64,
            description="The address from which your customer asks you.",
            examples=["203.0.113.7"],
        ),
    ]
    language: Language = "zh"


class CodeAsked(Struct, frozen=True, kw_only=True):
    """A code was made for the phone."""

    login_code: Annotated[
        str, Meta(description="Goes with the digits.", examples=["lgc_1ht5ah1x0c9qj9m6t2r4v8wz"])
    ]
    sent: Annotated[
        bool,
        Meta(
            description=(
                "False: nobody can say whether the message left. The code is good if it comes; otherwise ask again"
                " from `again_at` on."
            ),
            examples=[True],
        ),
    ]
    expires_at: datetime
    again_at: Annotated[datetime, Meta(description="From when another can be asked for.")]


class LoginBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The digits that were sent."""

    login_code: Id
    phone: Phone
    code: Annotated[str, Meta(min_length=1, max_length=20, examples=["042137"])]
    language: Language = "zh"


class StillMineBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The end of the ID number, with the proof that the number was reached."""

    proof: Annotated[str, Meta(min_length=1, max_length=200)]
    id_tail: Annotated[str, Meta(min_length=1, max_length=20, examples=["002X"])]
    language: Language = "zh"


class AnewBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The proof that the number was reached."""

    proof: Annotated[str, Meta(min_length=1, max_length=200)]
    language: Language = "zh"


class LoginAnswer(Struct, frozen=True, kw_only=True):
    """Who has logged in."""

    customer: Annotated[CustomerId, Meta(examples=["cus_1ht59z3k7b2n5p8q1s4v6x9z"])]
    new: Annotated[bool, Meta(description="Registered just now.", examples=[True])]


class StartBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who wants to use which outlet: of a terminal by its id, or of an appliance by its public code."""

    customer: Annotated[Id, Meta(description="The customer's id.", examples=["cus_1ht59z3k7b2n5p8q1s4v6x9z"])]
    outlet: Annotated[int, Meta(ge=0, le=255, description="The outlet's number.", examples=[0])]
    terminal: Annotated[
        Id | None,
        Meta(
            description="The terminal's id; or give `appliance`.", examples=["trm_1ht59w1h5z9k3m6n8q2s4v7x"]
        ),
    ] = None
    appliance: Annotated[
        Id | None,
        Meta(description="The appliance's public code; or give `terminal`.", examples=["7KQ2M4XR"]),
    ] = None


class SessionPage(Struct, frozen=True, kw_only=True):
    """Sessions, the newest first; `next` is the `before` of the page after it, none at the end."""

    sessions: list[SessionView]
    next: SessionId | None


class ApplianceListed(Struct, frozen=True, kw_only=True):
    """An appliance in a list."""

    code: Annotated[str, Meta(description="Public: in its QR.", examples=["7KQ2M4XR"])]
    id: Annotated[ApplianceId, Meta(examples=["app_1ht59x2j6a1m4n7p9r3t5w8y"])]
    name: Annotated[str, Meta(examples=["Dispenser 1"])]
    kind: Annotated[str, Meta(examples=["dispenser"])]
    room: Annotated[str, Meta(description="Whose guests use it; empty: none's.", examples=["801"])]
    site: Annotated[str, Meta(examples=["North Hall"])]
    closed: Annotated[bool, Meta(description="Taken out of service by the operator.", examples=[False])]


class ApplianceList(Struct, frozen=True, kw_only=True):
    """Appliances by code; `next` is the `after` of the page that follows, none at the end."""

    appliances: list[ApplianceListed]
    next: str | None


class OutletView(Struct, frozen=True, kw_only=True):
    """One outlet as it stands, and what it would promise now; minor units."""

    terminal: TerminalId
    outlet: Annotated[int, Meta(examples=[0])]
    name: Annotated[str, Meta(examples=["Cold"])]
    state: Standing
    session: Annotated[SessionId | None, Meta(description="What occupies it.")]
    hold_minor: Annotated[
        int | None, Meta(description="Held at a start, if the wallet has it.", examples=[500])
    ]
    minimum_start_minor: Annotated[
        int | None, Meta(description="The least a wallet must have.", examples=[50])
    ]
    quote: QuoteView | None
    """None without a tariff: it cannot be started."""


class ApplianceView(ApplianceListed, frozen=True, kw_only=True):
    """An appliance with its outlets."""

    url: Annotated[str, Meta(description="What its QR says: the customer's page.")]
    outlets: list[OutletView]


class LiveFigures(Struct, frozen=True, kw_only=True):
    """A session's figures at this moment; the bill is worked out from the terminal's records alone."""

    session: SessionId
    state: State
    currency: str
    usage: dict[Register, int]
    charge_minor: Annotated[int, Meta(description="So far, never above the hold.", examples=[93])]
    hold_minor: Annotated[int, Meta(examples=[500])]
    duration_ms: Annotated[int, Meta(examples=[143000])]
    flow_ml_per_min: int | None
    valve_open: bool | None
    sensors: dict[str, int]
    online: bool
    at: Annotated[datetime | None, Meta(description="When the terminal's figures came; none yet: null.")]


class ReportBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the customer finds wrong."""

    kind: Annotated[Complaint, Meta(description="What is wrong; `other` wants words.")] = Complaint.OTHER
    words: Annotated[str, Meta(max_length=MOST_WORDS, examples=["It stayed cold."])] = ""


class ReportAnswer(Struct, frozen=True, kw_only=True):
    """A report is kept once for a session."""

    new: Annotated[bool, Meta(description="False: one was there already.", examples=[True])]


class ClaimBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A one-time code, as printed or typed."""

    code: Annotated[str, Meta(min_length=1, max_length=40, examples=["7K2M-0QX9-B4ZC"])]


class ClaimAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A terminal's identity: told once, kept nowhere else in the clear."""

    terminal_id: Annotated[TerminalId, Meta(examples=["trm_1ht59w1h5z9k3m6n8q2s4v7x"])]
    secret: Annotated[str, Meta(examples=["gSxDn0…43 characters"])]
    mqtt_host: Annotated[str, Meta(examples=["pay.example.org"])]
    mqtt_port: Annotated[int, Meta(examples=[8883])]
    tls: bool = False
    ca: str | None = None
    operator_id: Annotated[OperatorId, Meta(examples=["op_1ht59w1h5z9k3m6n8q2s4v7x"])]
    update_keys: tuple[str, ...] = ()
    """Ed25519 public keys, in hex: what they sign may be put in place over the link."""

    def __repr__(self) -> str:
        """Without the secret: this could end up in a log."""
        return f"ClaimAnswer({self.terminal_id!r})"


class Health(Struct, frozen=True, kw_only=True):
    """`ok`, or what is wrong, of each engine."""

    database: Annotated[str, Meta(examples=["ok"])]
    broker: Annotated[str, Meta(examples=["ok"])]
