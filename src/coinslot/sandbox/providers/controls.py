"""The sandbox's own switches, clock and notifications: pages for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec
from msgspec import Struct

from coinslot.sandbox.providers import control_pages
from coinslot.sandbox.providers.clock import SandboxClock
from coinslot.sandbox.providers.failures import MOST, refused
from coinslot.sandbox.providers.http import Reply, Request, Route, html_reply, json_reply, redirect
from coinslot.sandbox.providers.retries import Retries
from coinslot.sandbox.providers.switches import EVERY, Armed, Failure, Switches
from coinslot.sandbox.providers.words import words_for

ChangeKey: TypeAlias = Callable[[], dict[str, str]]
"""Makes the provider's new key; its public half, as the merchant's settings want it."""

_SECONDS = f"must be seconds, 0 to {MOST // 86_400} days"


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
    """`/failures`, `/notifications`, `/clock` for people; the same under `/sandbox/` for programs."""

    def __init__(self, clock: SandboxClock, switches: Switches) -> None:
        self._clock = clock
        self._switches = switches
        self._retries: dict[str, Retries] = {}
        self._keys: dict[str, ChangeKey] = {}

    def add(self, name: str, retries: Retries, change_key: ChangeKey | None = None) -> None:
        """One more provider's notifications, and how its key is changed."""
        self._retries[name] = retries
        if change_key is not None:
            self._keys[name] = change_key

    def routes(self) -> tuple[Route, ...]:
        """What the server answers."""
        return (
            Route("GET", "/failures", self._failures),
            Route("POST", "/failures", self._pressed),
            Route("POST", "/failures/key/{provider}", self._key_pressed),
            Route("GET", "/notifications", self._notifications_page),
            Route("GET", "/clock", self._clock_page),
            Route("POST", "/clock", self._clock_pressed),
            Route("GET", "/sandbox/switches", self._list),
            Route("POST", "/sandbox/switches", self._turn_on),
            Route("DELETE", "/sandbox/switches", self._all_off),
            Route("DELETE", "/sandbox/switches/{failure}", self._turn_off),
            Route("POST", "/sandbox/keys/{provider}", self._change_key),
            Route("GET", "/sandbox/clock", self._time),
            Route("POST", "/sandbox/clock", self._advance),
            Route("GET", "/sandbox/notifications", self._notifications),
        )

    async def _failures(self, request: Request) -> Reply:
        return self._failures_page(request)

    def _failures_page(self, request: Request, said: str = "", status: int = 200) -> Reply:
        words = words_for(request)
        text = control_pages.failures(self._switches.armed(), tuple(self._keys), said, words)
        return html_reply(text, status)

    async def _pressed(self, request: Request) -> Reply:
        form = request.form
        name, times = form.get("failure", ""), form.get("times", "").strip()
        if form.get("act") == "off":
            self._switches.turn_off(Failure(name) if name in set(Failure) else None)
        elif name in set(Failure):
            value = form.get("value", "").strip()
            if times and not (times.isascii() and times.isdecimal() and len(times) < 7):
                return self._failures_page(request, "must be a whole number", 422)
            count = int(times) if times else None
            if why := refused(Failure(name), count, value):
                return self._failures_page(request, why, 422)
            self._switches.turn_on(Failure(name), on=form.get("on") or EVERY, times=count, value=value)
        return redirect("/failures")

    async def _key_pressed(self, request: Request) -> Reply:
        change = self._keys.get(request.matched["provider"])
        if change is None:
            return self._failures_page(request, status=404)
        words = words_for(request)
        return html_reply(control_pages.new_key(change(), words))

    async def _notifications_page(self, request: Request) -> Reply:
        tries = {name: each.tries for name, each in self._retries.items()}
        return html_reply(control_pages.notifications(tries, words_for(request)))

    async def _clock_page(self, request: Request) -> Reply:
        return html_reply(control_pages.clock(self._clock, "", words_for(request)))

    async def _clock_pressed(self, request: Request) -> Reply:
        asked = request.form.get("seconds", "").strip()
        if not (asked.isascii() and asked.isdecimal() and len(asked) <= 8 and int(asked) <= MOST):
            return html_reply(control_pages.clock(self._clock, _SECONDS, words_for(request)), 422)
        await self._clock.advance(int(asked))
        return redirect("/clock")

    async def _list(self, request: Request) -> Reply:
        return json_reply(200, [_told(armed) for armed in self._switches.armed()])

    async def _turn_on(self, request: Request) -> Reply:
        try:
            asked = msgspec.json.decode(request.body, type=TurnOn)
        except msgspec.DecodeError as error:
            return json_reply(422, {"message": str(error)})
        if why := refused(asked.failure, asked.times, asked.value):
            return json_reply(422, {"message": f"times or value {why}"})
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

    async def _change_key(self, request: Request) -> Reply:
        change = self._keys.get(request.matched["provider"])
        if change is None:
            return json_reply(404, {"message": "there is no key to change"})
        return json_reply(201, change())

    async def _time(self, request: Request) -> Reply:
        return json_reply(200, {"now": self._clock.now()})

    async def _advance(self, request: Request) -> Reply:
        try:
            asked = msgspec.json.decode(request.body, type=Advance)
        except msgspec.DecodeError as error:
            return json_reply(422, {"message": str(error)})
        if not 0 <= asked.seconds <= MOST:
            return json_reply(422, {"message": f"seconds {_SECONDS}"})
        await self._clock.advance(asked.seconds)
        return json_reply(200, {"now": self._clock.now()})

    async def _notifications(self, request: Request) -> Reply:
        return json_reply(200, {name: each.tries for name, each in self._retries.items()})


def _told(armed: Armed) -> dict[str, object]:
    return {"failure": armed.failure, "on": armed.on, "times": armed.times, "value": armed.value}
