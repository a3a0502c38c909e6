"""A technician's check: each part that is broken is named, with what to do."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from coinslot.terminal import check
from coinslot.terminal.check import Finding, Level
from coinslot.terminal.check_parts import Parts, Trying
from coinslot.terminal.clock import VirtualClock
from coinslot.terminal.drivers.painter import NoScreen, Painter, Screens
from coinslot.terminal.events import KeyPressed
from coinslot.terminal.identity import Identity
from coinslot.terminal.ports import Outlet
from coinslot.terminal.settings import Language
from coinslot.terminal.simulated import Model, SimulatedAppliance, SimulatedOutlet, settings_for, simulate


class Hurried(VirtualClock):
    """Every wait is over at once."""

    async def wait(self, event: asyncio.Event, ms: int) -> None:
        self.advance(ms)
        await asyncio.sleep(0)


@dataclass
class Site:
    """A shower that somebody has just wired."""

    clock: Hurried
    shower: SimulatedAppliance

    @property
    def outlet(self) -> SimulatedOutlet:
        return self.shower.simulated[0]

    async def findings(self, **trying: bool) -> dict[str, Finding]:
        asked = Trying(**{"keys": False, **trying})
        settings = settings_for(Model.SHOWER, "t1", Language.EN)
        found = await Parts(self.shower, settings, self.clock, (), asked).run()
        assert not self.outlet.is_open, "a check leaves every valve shut"
        return {one.part: one for one in found}


@pytest.fixture
def site() -> Site:
    clock = Hurried()
    return Site(clock, simulate(Model.SHOWER, clock, seed=3))


async def test_a_sound_appliance_has_nothing_to_do(site: Site) -> None:
    found = await site.findings()
    assert {one.level for one in found.values()} == {Level.OK, Level.SKIP}
    assert "L/min" in found["outlet 0, meter"].said
    assert site.outlet.lines[0] == "coinslot check"


def stuck_open(tap: SimulatedOutlet) -> None:
    tap.is_open = tap.valve_stuck = True


def stuck_shut(tap: SimulatedOutlet) -> None:
    tap.valve_stuck = True


def dead(tap: SimulatedOutlet) -> None:
    tap.meter_dead = True


def dry(tap: SimulatedOutlet) -> None:
    tap.tap_closed = True


def leaking(tap: SimulatedOutlet) -> None:
    tap.leak = True


@pytest.mark.parametrize(
    ("broken", "part", "level", "says"),
    [
        (stuck_shut, "outlet 0, valve", Level.FAIL, "does not open"),
        (dead, "outlet 0, meter", Level.FAIL, "does not answer"),
        (dry, "outlet 0, meter", Level.WARN, "did not move"),
        (leaking, "outlet 0, sensors", Level.FAIL, "leak = 1"),
    ],
)
async def test_each_broken_part_is_named_with_what_to_do(
    site: Site, broken: Callable[[SimulatedOutlet], None], part: str, level: Level, says: str
) -> None:
    broken(site.outlet)
    found = (await site.findings())[part]
    assert (found.level, bool(found.next)) == (level, True)
    assert says in found.said


async def test_a_valve_that_says_open_when_it_was_shut_is_not_opened_any_further(site: Site) -> None:
    stuck_open(site.outlet)
    settings = settings_for(Model.SHOWER, "t1", Language.EN)
    found = await Parts(site.shower, settings, site.clock, (), Trying(keys=False)).run()
    assert any("open though it was shut" in one.said for one in found)


async def test_no_valve_is_opened_against_the_technicians_wish(site: Site) -> None:
    found = await site.findings(water=False)
    assert (found["outlet 0, valve"].level, site.outlet.poured_ul) == (Level.SKIP, 0)


async def test_a_key_is_waited_for_and_missed(site: Site) -> None:
    assert (await site.findings(keys=True))["keys"].level is Level.FAIL
    asyncio.get_running_loop().call_soon(lambda: site.shower.press(KeyPressed(0, "7")))
    assert (await site.findings(keys=True))["keys"].said == "heard key 7 of outlet 0"


class Mute:
    """A panel nobody has connected."""

    def prepare(self) -> None:
        raise OSError(121, "Remote I/O error")

    def paint(self, lines: tuple[str, ...], qr: str | None) -> None:
        raise AssertionError("it was never prepared")

    def close(self) -> None:
        """Nothing."""


async def test_a_display_that_does_not_answer_is_named(site: Site) -> None:
    painter = Painter(Mute(), "0 (/dev/i2c-1)")
    whole = site.shower.outlets[0]
    screens = (Screens((painter,)), NoScreen())
    levels = []
    for screen in screens:
        site.shower._outlets[0] = Outlet(whole.valve, whole.meter, screen, whole.sensors)
        for _ in range(500):  # the painter's thread has its own time
            found = (await site.findings(water=False))["outlet 0, display"]
            if "has not taken" not in found.said:
                break
        levels.append(found.level)
    painter.close()
    assert levels == [Level.FAIL, Level.SKIP]


def test_a_disk_is_timed_and_a_place_that_is_not_there_is_named_and_not_made(tmp_path: Path) -> None:
    assert "within" in check.disk(tmp_path).said
    missing = check.disk(tmp_path / "new")
    assert (missing.level, "install -d -o coinslot" in missing.next) == (Level.FAIL, True)
    assert list(tmp_path.iterdir()) == []


def test_a_clock_of_1970_is_worth_a_look_but_no_failure() -> None:
    assert check.wall_clock(VirtualClock()).level is Level.WARN
    assert check.wall_clock(VirtualClock(1_780_000_000_000)).said == "2026-05-28 20:26:40 UTC"


async def test_the_brokers_address_is_tried_as_the_agent_would() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.write(b"no TLS here\n"), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    identity = Identity(terminal_id="t", secret="s", mqtt_host="127.0.0.1", mqtt_port=port)
    assert (await check.link(identity, None)).level is Level.OK
    refused = await check.link(identity, ssl.create_default_context)
    assert (refused.level, "TLS failed" in refused.said) == (Level.FAIL, True)
    server.close()
    await server.wait_closed()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = Identity(
            terminal_id="t", secret="s", mqtt_host="127.0.0.1", mqtt_port=taken.getsockname()[1]
        )
        assert (await check.link(nobody, None)).level is Level.FAIL


def test_the_report_says_how_many_failed() -> None:
    report = check.text([check.ok("a", "fine"), check.fail("bc", "broken", "mend it")])
    assert report.splitlines() == [
        "OK    a   fine",
        "FAIL  bc  broken",
        "          → mend it",
        "",
        "1 of 2 failed.",
    ]
