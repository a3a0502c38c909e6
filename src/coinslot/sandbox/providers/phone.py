"""The payer's phone: what a scanned code shows, and what the payer does then."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from html import escape
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from coinslot.sandbox.providers.http import Reply, Request, Route, html_reply, json_reply


class Act(StrEnum):
    """What a payer may do with an order."""

    PAY = "pay"
    DECLINE = "decline"
    PAY_TWICE = "pay_twice"
    """Presses twice; a provider takes the money once."""
    PAY_AFTER_CLOSE = "pay_after_close"
    """Pays although the order is closed or has expired: the race that a provider itself may lose."""


ACTS = {
    Act.PAY: "Pay",
    Act.DECLINE: "Decline",
    Act.PAY_TWICE: "Press pay twice",
    Act.PAY_AFTER_CLOSE: "Pay although closed",
}


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
    """`/pay/{code}` for people and `/sandbox/orders…` for programs."""

    def __init__(self) -> None:
        self._tills: list[Till] = []

    def add(self, till: Till) -> None:
        """One more provider."""
        self._tills.append(till)

    def routes(self) -> tuple[Route, ...]:
        """What the server answers."""
        return (
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

    async def _page(self, request: Request) -> Reply:
        found = self._till_of(request.matched["code"])
        if found is None:
            return html_reply(page("Unknown code", "<p>This code belongs to no order.</p>"), 404)
        return html_reply(order_page(_back(request, found[1]), ""))

    async def _pressed(self, request: Request) -> Reply:
        found = self._till_of(request.matched["code"])
        asked = request.form.get("act", "")
        if found is None or asked not in set(Act):
            return html_reply(page("Unknown code", "<p>This code belongs to no order.</p>"), 404)
        said = found[0].act(found[1].code, Act(asked))
        now = found[0].show(found[1].code) or found[1]
        return html_reply(order_page(_back(request, now), said))

    async def _list(self, request: Request) -> Reply:
        return json_reply(200, [shown for till in self._tills for shown in till.orders()])

    async def _one(self, request: Request) -> Reply:
        found = self._till_of(request.matched["code"])
        if found is None:
            return json_reply(404, {"message": "no order has this code"})
        return json_reply(200, found[1])

    async def _do(self, request: Request) -> Reply:
        found = self._till_of(request.matched["code"])
        if found is None:
            return json_reply(404, {"message": "no order has this code"})
        if request.matched["act"] not in set(Act):
            return json_reply(422, {"message": f"a payer can: {', '.join(Act)}"})
        said = found[0].act(found[1].code, Act(request.matched["act"]))
        return json_reply(200, {"said": said, "order": found[0].show(found[1].code)})


def _back(request: Request, shown: Shown) -> Shown:
    # Merchants add to a provider's page where it is to lead back to.
    return replace(shown, return_url=request.query.get("redirect_url", shown.return_url))


STYLE = """
:root{color-scheme:light dark;--bg:#f4f6f5;--ink:#12201c;--card:#fff;--main:#0b6b5d;--on:#fff}
@media(prefers-color-scheme:dark){:root{--bg:#0d1513;--ink:#eaf1ee;--card:#16211e;--main:#5fd3bd;--on:#0d1513}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:480px;margin:0 auto;padding:16px}section{background:var(--card);border-radius:14px;padding:16px}
h1{font-size:22px}.amount{font-size:40px;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:auto 1fr;gap:4px 16px}dd{margin:0;overflow-wrap:anywhere}
button{display:block;width:100%;min-height:52px;margin-top:12px;border:1px solid var(--main);border-radius:14px;
background:var(--card);color:var(--ink);font:inherit}button.first{background:var(--main);color:var(--on)}
a{color:var(--main)}
"""


def page(title: str, body: str) -> str:
    """A whole document; the body is markup already."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>"
        f"<h1>{escape(title)}</h1>{body}<p>Sandbox: no money moves.</p></main></body></html>"
    )


def order_page(shown: Shown, said: str) -> str:
    """An order with its buttons, and what the last press led to."""
    result = f'<p role="status"><strong>{escape(said)}</strong></p>' if said else ""
    back = ""
    if shown.return_url.startswith(("https://", "http://")):
        back = f'<p><a href="{escape(shown.return_url)}">Back to the merchant</a></p>'
    buttons = "".join(
        f'<button name="act" value="{act}"{" class=first" if act is Act.PAY else ""}>{label}</button>'
        for act, label in ACTS.items()
    )
    body = (
        f'<section><p class="amount">{escape(shown.amount)}</p><dl>'
        f"<dt>To</dt><dd>{escape(shown.merchant)}</dd><dt>For</dt><dd>{escape(shown.subject)}</dd>"
        f"<dt>State</dt><dd>{escape(shown.state)}</dd><dt>Number</dt><dd>{escape(shown.number)}</dd></dl>"
        f'{result}<form method="post">{buttons}</form>{back}</section>'
    )
    return page(f"{shown.provider}: pay", body)
