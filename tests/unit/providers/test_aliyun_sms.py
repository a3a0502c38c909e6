"""SMS over a provider of our own that checks what the real one does, its signature above all."""

from __future__ import annotations

import logging
import socket
import traceback
from collections.abc import AsyncIterator

import msgspec
import pytest

from coinslot.people.notices import Notice, NotSent, Recipient
from coinslot.providers.acs3 import AccessKey
from coinslot.providers.aliyun_sms import AliyunSms, Templates
from tests.support.fake_sms import KEY_ID, SECRET, FakeSms
from tests.unit.providers.build import CODE, KIM, LIN, LOGIN, PHONE, bill, hidden


@pytest.fixture
async def provider() -> AsyncIterator[FakeSms]:
    async with FakeSms() as server:
        yield server


def sender(
    url: str, *, secret: str = SECRET, timeout_s: float = 5.0, codes: Templates | None = None
) -> AliyunSms:
    return AliyunSms(
        AccessKey(KEY_ID, secret),
        sign_name="北校区 & *~",
        codes=codes or Templates(zh="SMS_1", en="SMS_2"),
        bills=Templates(zh="SMS_3"),
        endpoint=url,
        timeout_s=timeout_s,
    )


async def refusal(sms: AliyunSms, to: Recipient = LIN, notice: Notice = LOGIN) -> NotSent:
    with pytest.raises(NotSent) as caught:
        await sms.send(to, notice)
    assert hidden("".join(traceback.format_exception(caught.value)))
    return caught.value


async def test_a_signed_code_is_taken_with_its_template_by_language(provider: FakeSms) -> None:
    sms = sender(provider.url)
    assert await sms.send(LIN, LOGIN) == "aliyun 900619746936498440^0"
    assert await sms.send(KIM, LOGIN) == "aliyun 900619746936498440^0"
    assert provider.refused == []
    assert provider.taken == [
        {
            "PhoneNumbers": number,
            "SignName": "北校区 & *~",
            "TemplateCode": template,
            "TemplateParam": f'{{"code":"{CODE}"}}',
        }
        for number, template in (("8613912345678", "SMS_1"), ("4915112345678", "SMS_2"))
    ]


async def test_a_bill_fills_in_variables_that_the_provider_takes(provider: FakeSms) -> None:
    sms = sender(provider.url)
    link = "https://wash.example.org/s/ses_01/bill"
    await sms.send(LIN, msgspec.structs.replace(bill(link=link), appliance="W" * 80))
    await sms.send(KIM, bill(captured_minor=0, owed_minor=45))
    first, second = (msgspec.json.decode(each["TemplateParam"]) for each in provider.taken)
    assert first == {"place": "Hall 2 " + "W" * 28, "amount": "1.25元", "session": "ses_01"}
    assert second["amount"] == "0.45 CNY"
    assert {each["TemplateCode"] for each in provider.taken} == {
        "SMS_3"
    }  # the only one serves both languages


async def test_a_wrong_secret_is_refused_by_the_provider_and_not_tried_again(provider: FakeSms) -> None:
    refused = await refusal(sender(provider.url, secret="another"))
    assert (refused.reason, refused.again) == ("the SMS provider refused with SignatureDoesNotMatch", False)
    assert provider.refused == ["the signature does not match"]


@pytest.mark.parametrize(
    ("status", "code", "again"),
    [
        (200, "isv.BUSINESS_LIMIT_CONTROL", True),
        (200, "isv.DAY_LIMIT_CONTROL", True),
        (200, "isv.AMOUNT_NOT_ENOUGH", True),
        (200, "isp.SYSTEM_ERROR", True),
        (400, "Throttling", True),
        (400, "Throttling.User", True),
        (503, "ServiceUnavailable", True),
        (500, "Whatever", True),
        (200, "isv.SMS_TEMPLATE_ILLEGAL", False),
        (200, "isv.TEMPLATE_MISSING_PARAMETERS", False),
        (200, "isv.BLACK_KEY_CONTROL_LIMIT", False),
        (200, "isv.MOBILE_NUMBER_ILLEGAL", False),
        (403, "InvalidAccessKeyId.NotFound", False),
        (200, "isv.NEVER_HEARD_OF", False),
    ],
)
async def test_each_refusal_is_named_and_says_whether_to_try_again(
    provider: FakeSms, status: int, code: str, again: bool
) -> None:
    provider.answer = (status, {"Code": code, "Message": f"{PHONE} and {CODE}: no", "RequestId": "R"})
    refused = await refusal(sender(provider.url))
    assert (refused.reason, refused.again) == (f"the SMS provider refused with {code}", again)


@pytest.mark.parametrize(
    ("status", "body", "reason", "again"),
    [
        (502, b"<html>bad gateway</html>", "HTTP 502", True),
        (200, b"", "HTTP 200", False),
        (200, b'{"Code": 1}', "HTTP 200", False),
        (200, b"\xff\xfe", "HTTP 200", False),
        (400, {"Code": f"number {PHONE}"}, "HTTP 400", False),
        (429, b"slow down", "HTTP 429", True),
    ],
)
async def test_an_answer_that_is_none_is_a_refusal_by_its_status(
    provider: FakeSms, status: int, body: object, reason: str, again: bool
) -> None:
    provider.answer = (status, body)
    refused = await refusal(sender(provider.url))
    assert (refused.reason, refused.again) == (f"the SMS provider refused with {reason}", again)


async def test_an_endless_answer_is_not_read_to_its_end(provider: FakeSms) -> None:
    provider.answer = (200, b"x" * 1_000_000)
    refused = await refusal(sender(provider.url))
    assert refused.again


async def test_a_provider_that_does_not_answer_is_left_in_time(provider: FakeSms) -> None:
    provider.silent = True
    refused = await refusal(sender(provider.url, timeout_s=0.2))
    assert (refused.reason, refused.again) == ("the SMS provider did not answer within 0.2 s", True)


async def test_a_provider_that_is_not_there_is_tried_again() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        refused = await refusal(sender(f"http://127.0.0.1:{nobody.getsockname()[1]}"))
    assert (refused.reason, refused.again) == ("the SMS provider cannot be reached (ConnectError)", True)


async def test_without_a_template_or_a_number_nothing_is_asked(provider: FakeSms) -> None:
    refused = await refusal(sender(provider.url, codes=Templates()))
    assert (refused.reason, refused.again) == (
        "there is no SMS template for this notice: set `aliyun_template_code_zh`",
        False,
    )
    assert not (await refusal(sender(provider.url), Recipient(mail="a@b"))).again
    assert provider.taken == provider.refused == []


async def test_the_log_at_its_most_talkative_holds_neither_number_nor_code(
    provider: FakeSms, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await sender(provider.url).send(LIN, LOGIN)
    provider.answer = (200, {"Code": "isv.MOBILE_NUMBER_ILLEGAL", "Message": PHONE})
    await refusal(sender(provider.url))
    assert hidden("\n".join(f"{record.getMessage()} {record.args}" for record in caplog.records))
