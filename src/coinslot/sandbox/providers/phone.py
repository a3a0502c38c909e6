"""The payer's phone: what a scanned code shows, and what the payer does then."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from html import escape
from typing import Final, Protocol

from msgspec import Struct
from msgspec.structs import replace

from coinslot.sandbox.providers.http import Reply, Request, Route, html_reply, json_reply, redirect
from coinslot.sandbox.providers.pages import own_page, page
from coinslot.sandbox.providers.words import EN, Words, words_for

__all__ = ["ACTS", "Act", "Phone", "Shown", "Till", "order_page", "page"]


class Act(StrEnum):
    """What a payer may do with an order."""

    PAY = "pay"
    DECLINE = "decline"
    PAY_TWICE = "pay_twice"
    """Presses twice; a provider takes the money once."""
    PAY_AFTER_CLOSE = "pay_after_close"
    """Pays although the order is closed or has expired: the race that a provider itself may lose."""


ACTS: Final = {
    Act.PAY: "Pay",
    Act.DECLINE: "Decline",
    Act.PAY_TWICE: "Press pay twice",
    Act.PAY_AFTER_CLOSE: "Pay although closed",
}


class Stand(StrEnum):
    """How an order stands, for people."""

    WAITING = "Not paid yet"
    PAID = "Paid"
    RETURNED = "Paid, and money went back"
    CLOSED = "Closed"


_STANDS: Final = {
    "SUCCESS": Stand.PAID,
    "TRADE_SUCCESS": Stand.PAID,
    "TRADE_FINISHED": Stand.PAID,
    "REFUND": Stand.RETURNED,
    "CLOSED": Stand.CLOSED,
    "TRADE_CLOSED": Stand.CLOSED,
}
"""By the providers' own words; all others wait."""
_LOOKS: Final = {Stand.WAITING: "wait", Stand.PAID: "good", Stand.RETURNED: "good", Stand.CLOSED: "bad"}
_LATEST: Final = 30
_HELD: Final = re.compile(r"(?:[a-z]+://[^/]+)?(?P<path>[0-9A-Za-z_/-]{1,200})(?:[?#].*)?")


class Shown(Struct, frozen=True, kw_only=True):
    """An order as the payer's phone shows it."""

    code: str
    provider: str
    merchant: str
    subject: str
    amount: str
    """For people, such as `1.25 CNY`."""
    state: str
    number: str
    return_url: str = ""
    """Where the phone's browser goes afterwards, if anywhere."""
    stand: Stand | None = None
    """None: as `state` says."""

    @property
    def stands(self) -> Stand:
        """How it stands, for people."""
        return self.stand or _STANDS.get(self.state, Stand.WAITING)


class Till(Protocol):
    """One provider's orders, for payers."""

    name: str

    def show(self, code: str) -> Shown | None:
        """The order behind a code; None: not one of this provider's."""

    def act(self, code: str, act: Act) -> str:
        """Do it; what the phone says then."""

    def orders(self) -> Iterable[Shown]:
        """All of them, newest first."""


class Phone:
    """`/` and `/pay/{code}` for people, `/sandbox/orders…` for programs."""

    def __init__(self) -> None:
        self._tills: list[Till] = []

    def add(self, till: Till) -> None:
        """One more provider."""
        self._tills.append(till)

    def routes(self) -> tuple[Route, ...]:
        """What the server answers."""
        return (
            Route("GET", "/", self._home),
            Route("POST", "/", self._scan),
            Route("GET", "/pay/{code}", self._page),
            Route("POST", "/pay/{code}", self._pressed),
            Route("GET", "/sandbox/orders", self._list),
            Route("GET", "/sandbox/orders/{code}", self._one),
            Route("POST", "/sandbox/orders/{code}/{act}", self._do),
        )

    def _till_of(self, code: str) -> tuple[Till, Shown] | None:
        for till in self._tills:
            shown = till.show(code)
            if shown is not None:
                return till, shown
        return None

    async def _home(self, request: Request) -> Reply:
        return html_reply(self._home_page(words_for(request), ""))

    async def _scan(self, request: Request) -> Reply:
        """What somebody pasted: the address in a code, or the code at its end."""
        matched = _HELD.fullmatch(request.form.get("held", "").strip())
        held = matched["path"] if matched else ""
        found = self._till_of(held.rstrip("/").rpartition("/")[2])
        if found is None:
            return html_reply(self._home_page(words_for(request), "No order has this code."), 404)
        # As a camera would open it: for some providers that alone changes something.
        return redirect(f"/{held.lstrip('/')}" if "/" in held else f"/pay/{found[1].code}")

    def _home_page(self, words: Words, said: str) -> str:
        rows = [shown for till in self._tills for shown in till.orders()]
        latest = "".join(
            f'<li><a href="/pay/{escape(each.code)}"><span>{escape(words(each.provider))} · '
            f'{escape(each.subject)}</span><span class="dot {_LOOKS[each.stands]}">{escape(each.amount)} '
            f"{words(each.stands)}</span></a></li>"
            for each in rows[:_LATEST]
        )
        none = f"<li>{words('None yet')}</li>"
        status = f'<p role="status">{words(said)}</p>' if said else ""
        body = (
            f'<section><form method="post"><label>{words("Address or code")}'
            f'<input name="held" required autocomplete="off" placeholder="{words("Paste what a code holds")}">'
            f'</label>{status}<button class="first">{words("Open")}</button></form></section>'
            f'<section><h2>{words("Latest orders")}</h2><ul class="rows">'
            f"{latest or none}</ul></section>"
        )
        return own_page("/", "Payment sandbox", body, words=words)

    async def _page(self, request: Request) -> Reply:
        words, found = words_for(request), self._till_of(request.matched["code"])
        if found is None:
            return unknown_code(words)
        return html_reply(order_page(_back(request, found[1]), "", words))

    async def _pressed(self, request: Request) -> Reply:
        words, found = words_for(request), self._till_of(request.matched["code"])
        asked = request.form.get("act", "")
        if found is None or asked not in set(Act):
            return unknown_code(words)
        till, before = found
        said = till.act(before.code, Act(asked))
        if asked == Act.PAY and before.stands in (Stand.PAID, Stand.RETURNED):
            # A wet thumb presses twice, and the browser shows the second answer alone.
            said = "It was paid before; nothing was taken again."
        now = till.show(before.code) or before
        return html_reply(order_page(_back(request, now), said, words))

    async def _list(self, request: Request) -> Reply:
        return json_reply(200, [_plain(shown) for till in self._tills for shown in till.orders()])

    async def _one(self, request: Request) -> Reply:
        found = self._till_of(request.matched["code"])
        if found is None:
            return json_reply(404, {"message": "no order has this code"})
        return json_reply(200, _plain(found[1]))

    async def _do(self, request: Request) -> Reply:
        found = self._till_of(request.matched["code"])
        if found is None:
            return json_reply(404, {"message": "no order has this code"})
        if request.matched["act"] not in set(Act):
            return json_reply(422, {"message": f"a payer can: {', '.join(Act)}"})
        said = found[0].act(found[1].code, Act(request.matched["act"]))
        now = found[0].show(found[1].code) or found[1]
        return json_reply(200, {"said": said, "order": _plain(now)})


def _plain(shown: Shown) -> dict[str, str]:
    return {
        "code": shown.code,
        "provider": shown.provider,
        "merchant": shown.merchant,
        "subject": shown.subject,
        "amount": shown.amount,
        "state": shown.state,
        "number": shown.number,
        "return_url": shown.return_url,
    }


def unknown_code(words: Words = EN) -> Reply:
    """What a camera finds that read something else."""
    body = f"<section><p>{words('This code belongs to no order.')}</p></section>"
    return html_reply(page("Unknown code", body, words=words), 404)


def _back(request: Request, shown: Shown) -> Shown:
    # Merchants add to a provider's page where it is to lead back to.
    return replace(shown, return_url=request.query.get("redirect_url", shown.return_url))


def order_page(shown: Shown, said: str, words: Words = EN) -> str:
    """An order with its buttons, and what the last press led to."""
    result = f'<p role="status"><strong>{escape(words(said))}</strong></p>' if said else ""
    back = ""
    if shown.return_url.startswith(("https://", "http://")):
        back = f'<p><a href="{escape(shown.return_url)}">{words("Back to the merchant")}</a></p>'
    waits = shown.stands is Stand.WAITING
    body = (
        f'<section><p class="amount">{escape(shown.amount)}</p>'
        f'<p class="dot {_LOOKS[shown.stands]}">{words(shown.stands)}</p>{result}{back}'
        f"<dl><dt>{words('To')}</dt><dd>{escape(shown.merchant)}</dd>"
        f"<dt>{words('For')}</dt><dd>{escape(shown.subject)}</dd></dl></section>"
        f"<details><summary>{words('More')}</summary><dl>"
        f"<dt>{words('State')}</dt><dd>{escape(shown.state)}</dd>"
        f'<dt>{words("Number")}</dt><dd>{escape(shown.number)}</dd></dl><form method="post">'
        f"{_button(Act.PAY_TWICE, words)}{_button(Act.PAY_AFTER_CLOSE, words)}"
        f"{'' if waits else _button(Act.PAY, words)}</form></details>"
    )
    dock = f'<form method="post">{_button(Act.PAY, words, "first")}{_button(Act.DECLINE, words)}</form>'
    return page(shown.provider, body, words=words, dock=dock if waits else "")


def _button(act: Act, words: Words, kind: str = "") -> str:
    return f'<button name="act" value="{act}"{f" class={kind}" if kind else ""}>{words(ACTS[act])}</button>'
