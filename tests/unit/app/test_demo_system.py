"""The demo's own receiver of webhooks believes nothing but what is signed, as docs/webhooks.md tells its programmers."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from coinslot.app.demo_system import HotelSystem
from coinslot.keyring import Keyring
from coinslot.webhooks.model import Endpoint, EventKind
from coinslot.webhooks.signing import headers, secret
from coinslot.wire.ids import OperatorId

KEYRING = Keyring("a secret for tests alone, 32 letters")
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ENDPOINT = Endpoint(
    operator_id=OperatorId("opr_1"),
    endpoint_id="end_1",
    name="Own",
    url="http://127.0.0.1:1/coinslot",
    site_id=None,
    kinds=(EventKind.PAYMENT_RECEIVED,),
    generation=1,
    rotated_at=None,
    off_since=None,
    off_why="",
    created_at=NOW,
)
PAID: dict[str, object] = {"currency": "CNY", "appliance": {"room": "801"}, "payment": {"amount_minor": 500}}


def system() -> HotelSystem:
    made = HotelSystem()
    made.secret = secret(KEYRING, ENDPOINT)
    return made


def message(kind: str, data: dict[str, object]) -> tuple[dict[str, str], bytes]:
    body = msgspec.json.encode({"type": kind, "version": 1, "id": "evt_1", "data": data})
    return headers(KEYRING, ENDPOINT, "evt_1", body, NOW), body


def test_what_is_signed_is_noted_with_room_and_amount_and_a_second_time_as_the_same() -> None:
    own = system()
    sent = message("payment.received", PAID)
    assert own.take(*sent, NOW.timestamp())
    assert own.take(*sent, NOW.timestamp() + 200)
    first, second = own.told()
    assert (first.kind, first.room, first.amount_minor, first.right, first.again) == (
        "payment.received",
        "801",
        500,
        True,
        False,
    )
    assert (second.number, second.again) == (2, True)


def test_a_charge_and_a_refund_are_the_amounts_of_their_messages() -> None:
    own = system()
    own.take(*message("session.settled", {**PAID, "charge_minor": 0, "refund_minor": 500}), NOW.timestamp())
    own.take(*message("refund.done", {**PAID, "amount_minor": 492}), NOW.timestamp())
    assert [one.amount_minor for one in own.told()] == [0, 492]


def test_what_is_changed_old_unsigned_or_no_message_at_all_is_shown_and_not_believed() -> None:
    own = system()
    signed, body = message("payment.received", PAID)
    for given, sent, at in (
        (signed, body.replace(b"500", b"900"), NOW.timestamp()),
        (signed, body, NOW.timestamp() + 301),
        ({}, body, NOW.timestamp()),
        ({**signed, "webhook-signature": "v1,é"}, body, NOW.timestamp()),
        ({**signed, "webhook-timestamp": "²"}, body, NOW.timestamp()),
        (headers(KEYRING, ENDPOINT, "evt_1", b"[]", NOW), b"[]", NOW.timestamp()),
    ):
        assert not own.take(given, sent, at)
    assert {(one.right, one.kind, one.room, one.amount_minor) for one in own.told()} == {
        (False, "", "", None)
    }


def test_without_a_secret_nothing_is_believed() -> None:
    assert not HotelSystem().take(*message("test", {}), NOW.timestamp())
