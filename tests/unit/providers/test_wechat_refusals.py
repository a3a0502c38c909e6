"""What WeChat Pay's refusals mean, by status, code, and whether they are proven."""

from __future__ import annotations

import json

import pytest

from coinslot.payments.port import ProviderError, Rejected, RetrySameKey, Unknown
from coinslot.providers.wechat.guard import Refusal
from coinslot.providers.wechat.refusals import Refused, refused


def of(status: int, code: str, doubt: str = "") -> Refused:
    """As it would come, with words that must not be repeated."""
    body = json.dumps({"code": code, "message": "openid oCanary is wrong"}).encode()
    return refused(Refusal(status, body, doubt))


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "PARAM_ERROR", Rejected),
        (400, "INVALID_REQUEST", Rejected),
        (400, "ORDER_CLOSED", Rejected),
        (400, "ORDERCLOSED", Rejected),
        (400, "ORDERPAID", Unknown),
        (400, "ORDER_PAID", Unknown),
        (403, "OUT_TRADE_NO_USED", Unknown),
        (401, "SIGN_ERROR", Rejected),
        (403, "NO_AUTH", Rejected),
        (403, "RULE_LIMIT", Rejected),
        (403, "NOT_ENOUGH", RetrySameKey),
        (404, "ORDER_NOT_EXIST", Rejected),
        (418, "NEVER_HEARD_OF", Rejected),
        (429, "FREQUENCY_LIMITED", RetrySameKey),
        (403, "FREQUENCY_LIMIT_EXCEED", RetrySameKey),
        (500, "SYSTEM_ERROR", Unknown),
        (502, "SERVICE_UNAVAILABLE", Unknown),
        (302, "ANYTHING", Unknown),
        (100, "ANYTHING", Unknown),
    ],
)
def test_proven_refusals(status: int, code: str, expected: type[ProviderError]) -> None:
    assert type(of(status, code).error) is expected


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 500, 503])
def test_what_is_not_proven_is_unknown_and_decides_nothing(status: int) -> None:
    for code in ("ORDER_NOT_EXIST", "ORDER_CLOSED", "NO_STATEMENT_EXIST", "NO_AUTH", "ORDERPAID"):
        why = of(status, code, doubt="it is not signed")
        assert type(why.error) is Unknown
        marks = (why.is_proven, why.is_absent, why.is_closed, why.is_number_known, why.is_without_bill)
        assert marks == (False,) * 5
        assert not why.is_about_us


def test_too_many_calls_may_be_believed_of_anybody() -> None:
    assert type(of(429, "X", doubt="it is not signed").error) is RetrySameKey


def test_server_errors_decide_nothing_even_when_signed() -> None:
    assert not of(500, "ORDER_NOT_EXIST").is_absent


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b"\xff", b'{"code": 5}', b'{"code": "x y<script>"}'])
def test_a_body_of_another_form_is_named_by_its_status(body: bytes) -> None:
    assert refused(Refusal(403, body)).code == "HTTP 403"


def test_the_providers_words_are_not_repeated() -> None:
    assert "oCanary" not in str(of(400, "PARAM_ERROR").error)
