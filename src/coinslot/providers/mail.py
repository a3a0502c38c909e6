"""Mail by an SMTP server, with the standard library in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import re
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Final, NamedTuple

from coinslot.people.notices import Notice, NotSent, Recipient
from coinslot.providers.texts import subject_of, text_of

TIMEOUT_S: Final = 5.0
"""Of each exchange with the server; some six are needed for a mail."""
IMPLICIT_TLS_PORT: Final = 465
# One plain address: a header takes lists, groups and names as well, and so would send to others.
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){1,8}")


class MailServer(NamedTuple):
    """Where mail is handed over, and as whom."""

    host: str
    port: int
    sender: str
    """The address mail comes from."""
    user: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        return f"MailServer({self.host!r}, {self.port})"


class SmtpMail:
    """Sends by mail; see `people.notices.Notifier`. Always encrypted: by port 465, else by STARTTLS."""

    def __init__(
        self, server: MailServer, *, timeout_s: float = TIMEOUT_S, trust: ssl.SSLContext | None = None
    ) -> None:
        self._server = server
        self._timeout_s = timeout_s
        self._trust = trust or ssl.create_default_context()

    async def send(self, to: Recipient, notice: Notice) -> str:
        """See `people.notices.Notifier`. A cancelled one goes on in its thread, and may still arrive."""
        if to.mail is None:
            raise NotSent("the customer has no mail address", again=False)
        if not _ADDRESS.fullmatch(to.mail):
            raise NotSent("the customer's mail address cannot be used", again=False)
        mail = self._mail(to.mail, notice, to)
        await asyncio.to_thread(self._hand_over, mail)
        return f"mail {mail['Message-ID']}"

    def _mail(self, address: str, notice: Notice, to: Recipient) -> EmailMessage:
        mail = EmailMessage()
        mail["From"], mail["To"] = self._server.sender, address
        mail["Subject"] = subject_of(notice, to.language)
        mail["Date"] = formatdate()
        mail["Message-ID"] = make_msgid(domain=self._server.sender.rpartition("@")[2])
        mail.set_content(text_of(notice, to.language))
        return mail

    def _hand_over(self, mail: EmailMessage) -> None:
        try:
            with contextlib.closing(self._connected()) as smtp:
                if self._server.user is not None:
                    smtp.login(self._server.user, self._server.password or "")
                smtp.send_message(mail)
                with contextlib.suppress(OSError, smtplib.SMTPException):
                    smtp.quit()  # the mail is taken, however the server parts from us
        # Each without its cause, which names the recipient or repeats what the server said of one.
        except smtplib.SMTPRecipientsRefused as error:
            again = any(400 <= code < 500 for code, _ in error.recipients.values())
            raise NotSent("the mail server refused the recipient", again=again) from None
        except smtplib.SMTPAuthenticationError:
            raise NotSent("the mail server refused the login: see `smtp_user`", again=False) from None
        except smtplib.SMTPServerDisconnected:
            raise NotSent("the mail server hung up", again=True) from None
        except smtplib.SMTPResponseException as error:
            again = error.smtp_code < 500
            raise NotSent(f"the mail server refused with {error.smtp_code}", again=again) from None
        except smtplib.SMTPNotSupportedError:
            raise NotSent("the mail server offers no STARTTLS or no login", again=False) from None
        except (OSError, smtplib.SMTPException) as error:
            reason = f"the mail server cannot be reached ({type(error).__name__})"
            raise NotSent(reason, again=True) from None

    def _connected(self) -> smtplib.SMTP:
        server = self._server
        if server.port == IMPLICIT_TLS_PORT:
            return smtplib.SMTP_SSL(server.host, server.port, timeout=self._timeout_s, context=self._trust)
        smtp = smtplib.SMTP(server.host, server.port, timeout=self._timeout_s)
        try:
            smtp.starttls(context=self._trust)
        except BaseException:
            smtp.close()
            raise
        return smtp
