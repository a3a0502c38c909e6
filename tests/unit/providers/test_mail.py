"""Mail over a server of our own: always encrypted, and each refusal by its number alone."""

from __future__ import annotations

import logging
import ssl
import traceback
from collections.abc import AsyncIterator
from email import message_from_string, policy
from pathlib import Path

import pytest

from coinslot.people.notices import NotSent, Recipient
from coinslot.providers.mail import MailServer, SmtpMail
from tests.support.certificates import write_certificate
from tests.support.fake_mail import PASSWORD, USER, FakeMail
from tests.unit.providers.build import CODE, LIN, LOGIN, bill, hidden


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[FakeMail]:
    cert, key = write_certificate(tmp_path)
    async with FakeMail(cert, key) as running:
        yield running


def sender(server: FakeMail, *, password: str = PASSWORD, timeout_s: float = 5.0) -> SmtpMail:
    trust = ssl.create_default_context(cafile=str(server.cert))
    own = MailServer("localhost", server.port, "wash@example.net", USER, password)
    return SmtpMail(own, timeout_s=timeout_s, trust=trust)


async def refusal(mail: SmtpMail, to: Recipient = LIN) -> NotSent:
    with pytest.raises(NotSent) as caught:
        await mail.send(to, LOGIN)
    shown = "".join(traceback.format_exception(caught.value))
    assert hidden(shown)
    assert PASSWORD not in shown
    return caught.value


async def test_a_mail_leaves_encrypted_and_in_its_language(server: FakeMail) -> None:
    by = await sender(server).send(LIN, bill(link="https://wash.example.org/s/ses_01/bill"))
    [raw] = server.taken
    mail = message_from_string(raw, policy=policy.default)
    assert (mail["From"], mail["To"], mail["Subject"]) == (
        "wash@example.net",
        "lin@example.org",
        "North Campus 账单",
    )
    assert by == f"mail {mail['Message-ID']}"
    assert "收费 1.25元，已退回 3.75元" in mail.get_content()
    assert server.in_the_clear == ["EHLO", "STARTTLS"]


async def test_nothing_is_said_to_a_server_that_cannot_encrypt(server: FakeMail) -> None:
    server.starttls = False
    refused = await refusal(sender(server))
    assert (refused.reason, refused.again) == ("the mail server offers no STARTTLS or no login", False)
    assert not {"AUTH", "MAIL"} & set(server.in_the_clear)


async def test_nothing_is_said_to_a_server_that_somebody_else_pretends_to_be(server: FakeMail) -> None:
    refused = await refusal(SmtpMail(MailServer("localhost", server.port, "a@b.example")))
    assert refused.reason == "the mail server cannot be reached (SSLCertVerificationError)"
    assert server.taken == []


@pytest.mark.parametrize(
    ("command", "answer", "reason", "again"),
    [
        ("RCPT", "450 lin@example.org is busy", "the mail server refused the recipient", True),
        ("RCPT", "550 lin@example.org is unknown", "the mail server refused the recipient", False),
        ("MAIL", "451 later, lin@example.org", "the mail server refused with 451", True),
        ("DATA", "554 no, lin@example.org", "the mail server refused with 554", False),
        ("MAIL", "421 closing", "the mail server refused with 421", True),
    ],
)
async def test_each_refusal_is_named_and_says_whether_to_try_again(
    server: FakeMail, command: str, answer: str, reason: str, again: bool
) -> None:
    server.answers[command] = answer
    refused = await refusal(sender(server))
    assert (refused.reason, refused.again) == (reason, again)


async def test_a_mail_that_was_taken_is_sent_however_the_server_parts(server: FakeMail) -> None:
    server.answers["QUIT"] = "500 what?"
    assert (await sender(server).send(LIN, LOGIN)).startswith("mail <")
    assert len(server.taken) == 1


async def test_a_wrong_password_is_for_the_operator_to_correct(server: FakeMail) -> None:
    refused = await refusal(sender(server, password="another"))
    assert (refused.reason, refused.again) == ("the mail server refused the login: see `smtp_user`", False)


async def test_a_server_that_does_not_answer_is_left_in_time(server: FakeMail) -> None:
    server.silent = True
    assert (await refusal(sender(server, timeout_s=0.2))).again


@pytest.mark.parametrize("address", ["a@b\r\nBcc: c@d", "", "no address", "@", "a@b, c@d"])
async def test_an_address_that_is_none_is_refused_and_adds_no_recipient(
    server: FakeMail, address: str
) -> None:
    with pytest.raises(NotSent):
        await sender(server).send(Recipient(mail=address), LOGIN)
    assert server.taken == []


async def test_without_an_address_nothing_is_asked(server: FakeMail) -> None:
    assert not (await refusal(sender(server), Recipient(phone="+1"))).again


async def test_the_log_at_its_most_talkative_holds_neither_address_nor_code(
    server: FakeMail, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await sender(server).send(LIN, LOGIN)
    [raw] = server.taken
    assert CODE in message_from_string(raw, policy=policy.default).get_content()
    assert hidden(caplog.text)
