"""The sandbox's own switches and clock over HTTP: a page for people, JSON for programs."""

from __future__ import annotations

from html import escape

import msgspec
from msgspec import Struct

from coinslot.sandbox.providers.clock import SandboxClock
from coinslot.sandbox.providers.http import Reply, Request, Route, html_reply, json_reply, redirect
from coinslot.sandbox.providers.phone import page
from coinslot.sandbox.providers.retries import Retries
from coinslot.sandbox.providers.switches import EVERY, Armed, Failure, Switches


class TurnOn(Struct, forbid_unknown_fields=True):
    """A switch to turn on."""

    failure: Failure
    on: str = EVERY
    times: int | None = None
    value: str = ""


class Advance(Struct, forbid_unknown_fields=True):
    """Time to let pass."""

    seconds: float


class Controls:
    """`/` for people; `/sandbox/switches`, `/sandbox/clock` and `/sandbox/notifications` for programs."""

    def __init__(self, clock: SandboxClock, switches: Switches) -> None:
        self._clock = clock
        self._switches = switches
        self._retries: dict[str, Retries] = {}

    def add(self, name: str, retries: Retries) -> None:
        """One more provider's notifications."""
        self._retries[name] = retries

    def routes(self) -> tuple[Route, ...]:
        """What the server answers."""
        return (
            Route("GET", "/", self._home),
            Route("POST", "/", self._pressed),
            Route("GET", "/sandbox/switches", self._list),
            Route("POST", "/sandbox/switches", self._turn_on),
            Route("DELETE", "/sandbox/switches", self._all_off),
            Route("DELETE", "/sandbox/switches/{failure}", self._turn_off),
            Route("GET", "/sandbox/clock", self._time),
            Route("POST", "/sandbox/clock", self._advance),
            Route("GET", "/sandbox/notifications", self._notifications),
        )

    async def _home(self, request: Request) -> Reply:
        armed = "".join(
            f"<li>{escape(each.failure)} on {escape(each.on)} {escape(each.value)}</li>"
            for each in self._switches.armed()
        )
        options = "".join(f"<option>{failure}</option>" for failure in Failure)
        return html_reply(
            page(
                "Payment sandbox",
                f"<section><h2>Failures that are on</h2><ul>{armed or '<li>none</li>'}</ul>"
                f'<form method="post"><label>Failure <select name="failure">{options}</select></label> '
                '<label>On operation <input name="on" value="*"></label> '
                '<label>Value <input name="value"></label> '
                '<button name="act" value="on" class="first">Turn on</button>'
                '<button name="act" value="off">Turn all off</button></form></section>',
            )
        )

    async def _pressed(self, request: Request) -> Reply:
        form = request.form
        if form.get("act") == "off":
            self._switches.turn_off()
        elif form.get("failure") in set(Failure):
            self._switches.turn_on(
                Failure(form["failure"]), on=form.get("on") or EVERY, value=form.get("value", "")
            )
        return redirect("/")

    async def _list(self, request: Request) -> Reply:
        return json_reply(200, [_told(armed) for armed in self._switches.armed()])

    async def _turn_on(self, request: Request) -> Reply:
        try:
            asked = msgspec.json.decode(request.body, type=TurnOn)
        except msgspec.DecodeError as error:
            return json_reply(422, {"message": str(error)})
        armed = self._switches.turn_on(asked.failure, on=asked.on, times=asked.times, value=asked.value)
        return json_reply(201, _told(armed))

    async def _all_off(self, request: Request) -> Reply:
        self._switches.turn_off()
        return Reply(204)

    async def _turn_off(self, request: Request) -> Reply:
        name = request.matched["failure"]
        if name not in set(Failure):
            return json_reply(404, {"message": f"there is no failure {name!r}"})
        self._switches.turn_off(Failure(name))
        return Reply(204)

    async def _time(self, request: Request) -> Reply:
        return json_reply(200, {"now": self._clock.now()})

    async def _advance(self, request: Request) -> Reply:
        try:
            asked = msgspec.json.decode(request.body, type=Advance)
        except msgspec.DecodeError as error:
            return json_reply(422, {"message": str(error)})
        await self._clock.advance(asked.seconds)
        return json_reply(200, {"now": self._clock.now()})

    async def _notifications(self, request: Request) -> Reply:
        return json_reply(200, {name: each.tries for name, each in self._retries.items()})


def _told(armed: Armed) -> dict[str, object]:
    return {"failure": armed.failure, "on": armed.on, "times": armed.times, "value": armed.value}
