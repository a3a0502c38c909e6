"""What is to be replayed: read and checked before anything is started."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from coinslot.app.errors import Problem
from coinslot.money import parse_amount
from coinslot.sandbox.replay.appliance import Kind
from coinslot.sandbox.replay.traces import Trace, TraceError, read_traces
from coinslot.tariffs import Tariff, TariffError, parse_tariff
from coinslot.tariffs.named import NAMED
from coinslot.wire.registers import Register

MAX_SPEED = "max"
AT_MAX_SPEED = 8
"""Terminals at full speed: enough to keep database and broker busy while others wait for an answer."""
METERED = (Register.ML, Register.S)


class Where(StrEnum):
    """Whose stack the terminals connect to."""

    OWN = "own"
    """PostgreSQL, NATS and server of the replay's own, gone with it."""
    GIVEN = "given"
    """The running server whose database and broker the settings name."""


class Plan(Struct, frozen=True, kw_only=True):
    """One replay."""

    source: Path
    traces: tuple[Trace, ...]
    kind: Kind
    tariff_name: str
    tariff: Tariff
    speed: float | None
    """Recorded seconds for each real one; None: as fast as it goes."""
    terminals: int
    where: Where = Where.OWN

    @property
    def balance_minor(self) -> int:
        """What each customer has: the hold, and something where nothing is held."""
        return max(1, parse_amount(self.tariff.hold, self.tariff.currency))

    @property
    def speed_text(self) -> str:
        """As on the command line."""
        return MAX_SPEED if self.speed is None else f"{self.speed:g}"


def make_plan(
    source: Path,
    *,
    kind: Kind,
    tariff: str,
    speed: float | None,
    terminals: int | None,
    where: Where = Where.OWN,
) -> Plan:
    """Problem names what is wrong with recording or tariff."""
    try:
        traces = read_traces(source)
    except TraceError as error:
        raise Problem(f"{error.where}: {error.reason}", error.remedy) from error
    name, price = find_tariff(tariff)
    wanted = terminals or (AT_MAX_SPEED if speed is None else 1)
    return Plan(
        source=source,
        traces=tuple(traces),
        kind=kind,
        tariff_name=name,
        tariff=price,
        speed=speed,
        terminals=min(wanted, len(traces)),
        where=where,
    )


def parse_speed(text: str) -> float | None:
    """`max` or a number above 0. Problem otherwise."""
    if text == MAX_SPEED:
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed <= 1_000_000:
        raise Problem(f"--speed cannot be {text!r}", "Say `max`, or how many times real time, such as 60.")
    return speed


def find_tariff(text: str) -> tuple[str, Tariff]:
    """A tariff by its name, or from a file, and what to call it. Problem when there is none or it is wrong."""
    if text in NAMED:
        _check_metered(text, NAMED[text])
        return text, NAMED[text]
    path = Path(text)
    if not path.is_file():
        names = ", ".join(NAMED)
        raise Problem(
            f"there is no tariff {text!r}, neither by name nor as a file", f"Name a file, or one of: {names}."
        )
    try:
        tariff = parse_tariff(path.read_bytes())
    except OSError as error:
        raise Problem(f"{path} cannot be read: {error.strerror or error}", "Make it readable.") from error
    except TariffError as error:
        raise Problem(f"{path}: {error}", "Correct the tariff.") from error
    _check_metered(str(path), tariff)
    return path.stem, tariff


def _check_metered(name: str, tariff: Tariff) -> None:
    for rate in tariff.rates:
        if rate.register not in METERED:
            raise Problem(
                f"{name} prices `{rate.register.value}`, which a recording of flow does not hold",
                "Choose a tariff by millilitres (`ml`) or seconds (`s`).",
            )
