"""The bodies of requests and answers that belong to the API alone."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from coinslot.web.views import SessionView
from coinslot.wire.ids import Id, SessionId, TerminalId


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

    def __repr__(self) -> str:
        """Without the secret: this could end up in a log."""
        return f"ClaimAnswer({self.terminal_id!r})"


class Health(Struct, frozen=True, kw_only=True):
    """`ok`, or what is wrong, of each engine."""

    database: Annotated[str, Meta(examples=["ok"])]
    broker: Annotated[str, Meta(examples=["ok"])]
