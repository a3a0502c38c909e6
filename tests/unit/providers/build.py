"""Notices and recipients for tests, with what must never be seen in a log."""

from __future__ import annotations

from coinslot.people.notices import BillNotice, LoginCodeNotice, Recipient

PHONE = "+8613912345678"
CODE = "730194"
LIN = Recipient(phone=PHONE, mail="lin@example.org", language="zh")
KIM = Recipient(phone="+4915112345678", mail="kim@example.org", language="en")
LOGIN = LoginCodeNotice(operator_name="North Campus", code=CODE, minutes=5)


def bill(
    *, captured_minor: int = 125, released_minor: int = 375, owed_minor: int = 0, link: str = ""
) -> BillNotice:
    """A use of a dispenser."""
    return BillNotice(
        operator_name="North Campus",
        site="Hall 2",
        appliance="Water 7",
        currency="CNY",
        captured_minor=captured_minor,
        released_minor=released_minor,
        owed_minor=owed_minor,
        session="ses_01",
        link=link,
    )


def hidden(text: str) -> bool:
    """Whether neither number nor code is in it, in any of the forms they are sent in."""
    return not any(canary in text for canary in (PHONE[1:], PHONE[3:], CODE, "5112345678", "@example.org"))
