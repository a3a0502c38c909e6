"""Stripe's amounts, bill lines and errors, without any wire."""

from __future__ import annotations

from datetime import UTC, date, datetime

import msgspec
import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from coinslot.money import EXPONENTS
from coinslot.payments.numbers import made_at, payment_number, refund_number
from coinslot.payments.port import BillLineKind, ProviderError, Rejected, RetrySameKey, Unknown
from coinslot.providers.stripe.amounts import NotExact, from_wire, to_wire
from coinslot.providers.stripe.bill import bounds, lines
from coinslot.providers.stripe.refusals import refused

DAY = date(2026, 11, 22)


@given(amount=st.integers(1, 99_999_999), currency=st.sampled_from(sorted(EXPONENTS)))
def test_every_amount_comes_back_as_it_was_or_is_refused(amount: int, currency: str) -> None:
    try:
        told = to_wire(amount, currency)
    except Rejected:
        assert currency in ("PTS", "IQD", "LYD", "UGX", "BHD", "JOD", "KWD", "OMR", "TND")
        return
    assert from_wire(told, currency) == amount


def test_currencies_that_stripe_counts_otherwise() -> None:
    assert [to_wire(7, code) for code in ("JPY", "CNY", "UGX")] == [7, 7, 700]
    assert to_wire(1230, "KWD") == 1230
    with pytest.raises(NotExact):
        from_wire(150, "UGX")


def test_a_number_tells_when_it_was_made() -> None:
    before = datetime.now(UTC)
    for number in (payment_number(), refund_number()):
        at = made_at(number)
        assert at is not None
        assert abs((at - before).total_seconds()) < 5
    for text in ("", "p", "x" * 32, "P" + "0" * 31, "p" + "U" * 31, payment_number() + "0"):
        assert made_at(text) is None


def transaction(**changes: object) -> msgspec.Raw:
    """A card payment of 12.00 euros, settled in euros, with changes."""
    made = {
        "id": "txn_1",
        "object": "balance_transaction",
        "type": "charge",
        "amount": 1200,
        "fee": 65,
        "net": 1135,
        "currency": "eur",
        "created": bounds(DAY)[0] + 5,
        "source": {
            "id": "ch_1",
            "object": "charge",
            "amount": 1200,
            "currency": "eur",
            "payment_intent": "pi_1",
            "metadata": {"coinslot_payment": "p1"},
            "billing_details": {"email": "jenny@example.com"},
        },
        **changes,
    }
    return msgspec.Raw(msgspec.json.encode(made))


def test_a_payment_settled_in_another_currency_is_told_as_it_was_paid() -> None:
    source = {"id": "ch_1", "object": "charge", "amount": 900, "currency": "jpy", "payment_intent": "pi_1"}
    [own, other] = lines([transaction(), transaction(source=source)], DAY)
    assert (own.number, own.provider_id, own.amount_minor, own.fee_minor) == ("p1", "pi_1", 1200, 65)
    assert (other.number, other.amount_minor, other.fee_minor, other.currency) == ("", 900, 0, "JPY")
    assert "jenny" not in own.raw
    assert '"source":"ch_1"' in own.raw
    assert '"fee":65' in other.raw


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "payout", "source": "po_1"},
        {"type": "adjustment", "source": None},
        {"amount": 12.5},
        {"created": 2**70},
        {"created": "today"},
        {"currency": None},
        {"source": {"id": "ch_1"}},
        {"currency": "ugx", "amount": 150},
    ],
)
def test_a_line_that_is_neither_is_kept_and_shown(changes: dict[str, object]) -> None:
    [line] = lines([transaction(**changes)], DAY)
    assert (line.kind, line.number) == (BillLineKind.OTHER, "")
    assert "txn_1" in line.raw
    assert "jenny" not in line.raw
    assert bounds(DAY)[0] <= line.at.timestamp() < bounds(DAY)[1]


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b"not json", Unknown),
        (400, b"{}", Unknown),
        (400, b'{"error":"invalid_client"}', Unknown),
        (400, b'{"error":{"type":"x y","code":"secret words"}}', Unknown),
        (400, b'{"error":{"type":"idempotency_error"}}', Unknown),
        (429, b'{"error":{"type":"invalid_request_error"}}', RetrySameKey),
        (402, b'{"error":{"type":"card_error","code":"card_declined"}}', Rejected),
        (500, b'{"error":{"type":"api_error"}}', Unknown),
        (None, b'{"error":{"type":"api_error"}}', Unknown),
    ],
)
def test_an_error_is_believed_only_as_documented(
    status: int | None, body: bytes, kind: type[ProviderError]
) -> None:
    error = stripe.StripeError("words of theirs", http_body=body, http_status=status)
    told = refused(error).error
    assert type(told) is kind
    assert "words" not in str(told)
