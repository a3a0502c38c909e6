"""The exact text that was signed, the times, amounts and subjects that are sent, and the library's manners."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from coinslot.payments.port import (
    Channel,
    PaymentOrder,
    PaymentSeen,
    PaymentState,
    RefundOrder,
    RefundState,
    Rejected,
)
from coinslot.providers.alipay.answers import (
    RefundFound,
    Trade,
    Unreadable,
    payment_seen,
    refund_found,
)
from coinslot.providers.alipay.calls import page_parameters, qr_parameters, refund_parameters
from coinslot.providers.alipay.library import Client, moment
from coinslot.providers.alipay.seals import Garbled, Seals, values_of
from tests.support.alipay import account, keys, stranger

NOW = datetime(2026, 11, 22, 16, 30, 15, 999_999, UTC)
NUMBER = "0123456789abcdef0123456789ABCDEF"


def order(**changed: object) -> PaymentOrder:
    """As it comes."""
    values: dict[str, object] = {
        "number": NUMBER,
        "amount_minor": 5,
        "currency": "CNY",
        "subject": "热水",
        "channel": Channel.QR,
        "expires_at": NOW + timedelta(minutes=10),
        "notify_url": "https://wash.example.org/notify",
    }
    return PaymentOrder(**{**values, **changed})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "value",
    [
        '{"a":"}"}',
        '{"a":"{"}',
        '{"a":"\\"}"}',
        '{"a":"\\\\"}',
        '{ "a" : [ {} , "]" ] }',
        '"}"',
        "[]",
        "1.50",
        "{}",
    ],
)
def test_a_value_keeps_its_exact_text_wherever_it_stands(value: str) -> None:
    for text in (
        f'{{"x_response":{value},"sign":"s="}}',
        f'{{"sign":"s=","x_response":{value}}}',
        f' {{\n"x_response" :\t{value} ,\r\n "sign":"s="}} \n',
    ):
        assert values_of(text) == {"x_response": value, "sign": '"s="'}


@pytest.mark.parametrize(
    "text",
    ["", " ", "{", "{}", "[]", "null", '{"a":1', '{"a":1,}', '{"a":1}x', '{"a":1}{"a":1}', '{"a":1,"a":1}', '{a:1}',
     '{1:1}', '{"a" 1}', '{"a":}', '{"a":' + "[" * 100_000, '{"a":1;"b":2}'],
    ids=range(17),
)  # fmt: skip
def test_what_is_not_one_object_is_garbled(text: str) -> None:
    with pytest.raises(Garbled):
        values_of(text)


def test_only_known_keys_sign_and_only_these_bytes() -> None:
    made, message = account(), '{"subject":"热水 }"}'.encode()
    signature = base64.b64encode(made.signing.sign(message, PKCS1v15(), SHA256())).decode()
    assert Seals([made.public_pem()]).holds(message, signature)
    assert Seals([stranger().public_pem(), made.public_pem()]).holds(message, signature)
    assert not Seals([stranger().public_pem()]).holds(message, signature)
    assert not Seals([]).holds(message, signature)
    for wrong in ("", "=", "ä", signature[:-4], signature + "A", " " + signature, signature + "\n"):
        assert not Seals([made.public_pem()]).holds(message, wrong)
    assert not Seals([made.public_pem()]).holds(message + b" ", signature)


def test_times_are_beijings_and_rounded_down() -> None:
    assert moment(NOW) == "2026-11-23 00:30:15"


def test_yuan_are_made_of_whole_fen() -> None:
    told = {
        amount: page_parameters(order(amount_minor=amount))["total_amount"] for amount in (1, 10, 125, 10**10)
    }
    assert told == {1: "0.01", 10: "0.10", 125: "1.25", 10**10: "100000000.00"}


def test_a_code_ends_with_its_order_and_never_before_it() -> None:
    for left, minutes in ((-5, "1m"), (30, "1m"), (60, "1m"), (61, "2m"), (600, "10m"), (601, "11m")):
        made = order(expires_at=NOW + timedelta(seconds=left))
        told = qr_parameters(made, "QR_CODE_OFFLINE", NOW)
        assert told["qr_code_timeout_express"] == minutes
        assert told["time_expire"] == moment(made.expires_at)


@pytest.mark.parametrize(
    ("subject", "told"),
    [
        ("a/b=c&d", "a／b＝c＆d"),
        ('热水, "5" 分钟', "热水， ＂5＂ 分钟"),
        (" a\n\tb\x00\u200bc ", "a b c"),
        ("💧水💧", "水"),
        ("{}", "{}"),
        ("水" * 300, "水" * 256),
        ("\n💧 ", NUMBER),
        ("\ud800水", "水"),
    ],
)
def test_a_subject_is_made_fit_for_the_wire_and_the_bill(subject: str, told: str) -> None:
    assert page_parameters(order(subject=subject))["subject"] == told


def test_a_refund_says_nothing_that_is_not_documented() -> None:
    refund = RefundOrder(
        number=NUMBER,
        payment_number=NUMBER[::-1],
        provider_payment_id="2026112222001464141438570535",
        amount_minor=25,
        total_minor=125,
        currency="CNY",
        reason="",
    )
    assert refund_parameters(refund) == {
        "refund_amount": "0.25",
        "out_request_no": NUMBER,
        "out_trade_no": NUMBER[::-1],
        "trade_no": "2026112222001464141438570535",
    }
    for url in ("https://wash.example.org/a b", "https://wäsche.example.org/"):
        with pytest.raises(Rejected):
            page_parameters(order(notify_url=url))


def trade(**told: str) -> PaymentSeen:
    """A query's answer, read."""
    values = {"out_trade_no": NUMBER, "total_amount": "1.25", "trade_no": "1", **told}
    return payment_seen(Trade(**values))


def test_a_closed_trade_was_paid_only_if_amounts_say_so() -> None:
    when = "2021-03-05 08:37:19"
    after_time_out = trade(trade_status="TRADE_CLOSED", send_pay_date=when)
    assert (after_time_out.state, after_time_out.paid_at) == (PaymentState.CLOSED, None)
    assert trade(trade_status="TRADE_CLOSED", receipt_amount="1.25").state is PaymentState.PAID
    assert trade(trade_status="TRADE_FINISHED").state is PaymentState.PAID
    assert trade(trade_status="TRADE_SUCCESS").currency == "CNY"
    assert trade(trade_status="TRADE_SUCCESS", trans_currency="USD").currency == "USD"
    for odd in (
        {"trade_status": "TRADE_PENDING"},
        {"trade_status": "TRADE_SUCCESS", "trade_no": ""},
        {"trade_status": "TRADE_SUCCESS", "total_amount": "1.255"},
        {"trade_status": "TRADE_SUCCESS", "total_amount": "NaN"},
        {"trade_status": "TRADE_SUCCESS", "send_pay_date": "yesterday"},
    ):
        with pytest.raises(Unreadable):
            trade(**odd)


def test_a_refund_without_a_state_is_neither_done_nor_absent() -> None:
    full = RefundFound(NUMBER, "r1", "1", "0.25", "REFUND_SUCCESS")
    assert refund_found(full, "r1", NUMBER, "m").state is RefundState.SUCCEEDED
    assert refund_found(RefundFound(), "r1", NUMBER, "m").state is RefundState.ABSENT
    for odd in (
        RefundFound(NUMBER, "r1", "1", "0.25"),
        RefundFound(NUMBER, "r2", "1", "0.25", "REFUND_SUCCESS"),
        RefundFound("x", "r1", "1", "0.25", "REFUND_SUCCESS"),
        RefundFound(NUMBER, "r1", "1", "0.25", "REFUND_DONE"),
    ):
        with pytest.raises(Unreadable):
            refund_found(odd, "r1", NUMBER, "m")


def test_a_request_is_sent_as_a_form_with_what_is_about_business_in_its_body() -> None:
    sent: list[tuple[str, bytes, str]] = []

    def send(query: str, body: bytes, name: str) -> bytes:
        sent.append((query, body, name))
        return b"{}"

    client = Client(keys(), send, lambda: NOW)
    client.api_alipay_trade_query(out_trade_no=NUMBER)
    query, body, name = sent[0]
    told, business = dict(parse_qsl(query)), dict(parse_qsl(body.decode()))
    assert name == "alipay_trade_query_response"
    assert json.loads(business["biz_content"]) == {"out_trade_no": NUMBER}
    assert NUMBER not in query
    assert told["timestamp"] == "2026-11-23 00:30:15"
    signature = base64.b64decode(told.pop("sign"))
    text = "&".join(f"{key}={value}" for key, value in sorted({**told, **business}.items()))
    account().private.public_key().verify(signature, text.encode(), PKCS1v15(), SHA256())
    page = urlsplit(client.address(client.api_alipay_trade_wap_pay(**page_parameters(order()))))
    content = json.loads(dict(parse_qsl(page.query))["biz_content"])
    assert (content["product_code"], content["total_amount"]) == ("QUICK_WAP_WAY", "0.05")


def test_importing_the_library_closes_no_log_handler() -> None:
    script = (
        "import logging, sys\n"
        "class Kept(logging.Handler):\n"
        "    closed = False\n"
        "    def close(self): self.closed = True; super().close()\n"
        "kept = Kept(); logging.getLogger().addHandler(kept)\n"
        "before = list(logging._handlerList)\n"
        "IMPORT\n"
        "print(kept.closed, all(each in logging._handlerList for each in before), 'alipay' in sys.modules)\n"
    )
    said = {}
    for name in ("import alipay", "import coinslot.providers.alipay"):
        done = subprocess.run(
            [sys.executable, "-c", script.replace("IMPORT", name)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        said[name] = done.stdout.split()
    assert said == {
        "import alipay": ["True", "False", "True"],
        "import coinslot.providers.alipay": ["False", "True", "True"],
    }
