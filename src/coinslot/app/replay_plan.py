"""What is to be replayed: read and checked before anything is started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from coinslot.app.errors import Problem
from coinslot.app.hotel_tariffs import HOTEL
from coinslot.fleet.offline_credit import MAX_OFFLINE_CREDIT
from coinslot.money import MoneyError, format_amount, parse_amount
from coinslot.sandbox.replay.appliance import OUTLET, Kind
from coinslot.sandbox.replay.cycles import Cycle
from coinslot.sandbox.replay.files import TraceError
from coinslot.sandbox.replay.recordings import Recording, read_recordings
from coinslot.settlement.offline.terms import Sold, freeze
from coinslot.tariffs import Tariff, TariffError, dump_tariff, parse_tariff
from coinslot.tariffs.named import NAMED
from coinslot.wire.ids import ApplianceId, OperatorId, TariffId
from coinslot.wire.registers import Register

MAX_SPEED = "max"
AT_MAX_SPEED = 8
"""Terminals at full speed: enough to keep database and broker busy while others wait for an answer."""
GUESTS_AT_MAX_SPEED = 16
"""More, with less to do each: one appliance makes at most ten codes a minute."""
CREDIT_MINOR = 300
"""What a code without a link is good for, where nothing else is said and the tariff's hold is no less."""
BY_FORM: Mapping[Kind, str] = {
    Kind.SHOWER: "shower-litre",
    Kind.FAUCET: "shower-litre",
    Kind.SOCKET: "hotel-dryer",
}
"""The tariff of who names none."""


class Where(StrEnum):
    """Whose stack the terminals connect to."""

    OWN = "own"
    """PostgreSQL, NATS and server of the replay's own, gone with it."""
    GIVEN = "given"
    """The running server whose database and broker the settings name."""


class Pay(StrEnum):
    """How a use is paid for."""

    WALLET = "wallet"
    """By a customer with a balance."""
    DIRECT = "direct"
    """By a guest on the appliance, with a phone: a package of the tariff."""


class Way(StrEnum):
    """How a customer with a balance begins."""

    SCAN = "scan"
    """On the appliance's page, behind the code on its sticker."""
    KEYPAD = "keypad"
    """By a code from the phone, typed on the appliance's keypad; the server opens."""
    OFFLINE = "offline"
    """By a code made for the time without a link, with the link cut; the terminal opens by itself."""


class Plan(Struct, frozen=True, kw_only=True):
    """One replay."""

    source: Path
    traces: tuple[Recording, ...]
    kind: Kind
    tariff_name: str
    tariff: Tariff
    speed: float | None
    """Recorded seconds for each real one; None: as fast as it goes."""
    terminals: int
    where: Where = Where.OWN
    pay: Pay = Pay.WALLET
    package: str = ""
    """What guests buy."""
    way: Way = Way.SCAN
    credit_minor: int = 0
    """What a code without a link is good for; 0 where the way is another."""

    @property
    def balance_minor(self) -> int:
        """What each customer has: the hold, and something where nothing is held; a code's credit where that is more."""
        return max(1, self.credit_minor, parse_amount(self.tariff.hold, self.tariff.currency))

    @property
    def speed_text(self) -> str:
        """As on the command line."""
        return MAX_SPEED if self.speed is None else f"{self.speed:g}"


def make_plan(
    source: Path,
    *,
    kind: Kind | None = None,
    tariff: str | None = None,
    speed: float | None,
    terminals: int | None,
    where: Where = Where.OWN,
    pay: Pay = Pay.WALLET,
    package: str | None = None,
    way: Way = Way.SCAN,
    credit: str | None = None,
) -> Plan:
    """Problem names what is wrong with recording or tariff. `kind`, `tariff`, `package` and `credit` have defaults
    that fit."""
    try:
        traces = read_recordings(source)
    except TraceError as error:
        raise Problem(f"{error.where}: {error.reason}", error.remedy) from error
    chosen = kind_of(traces, kind)
    _check_way(way, pay, chosen, credit)
    name, price = find_tariff(tariff or BY_FORM[chosen], chosen)
    bought = package_of(price, package, name) if pay is Pay.DIRECT else ""
    if pay is Pay.WALLET and package is not None:
        raise Problem("--package is what guests buy", "Say --pay direct, or leave it out.")
    if pay is Pay.DIRECT and where is Where.GIVEN:
        raise Problem(
            "--pay direct needs providers of the replay's own",
            "Leave --server out: a running server has merchants of its own, and real ones take real money.",
        )
    credit_minor = credit_of(price, credit, name) if way is Way.OFFLINE else 0
    at_max = AT_MAX_SPEED if pay is Pay.WALLET else GUESTS_AT_MAX_SPEED
    wanted = terminals or (at_max if speed is None else 1)
    return Plan(
        source=source,
        traces=tuple(traces),
        kind=chosen,
        tariff_name=name,
        tariff=price,
        speed=speed,
        terminals=min(wanted, len(traces)),
        where=where,
        pay=pay,
        package=bought,
        way=way,
        credit_minor=credit_minor,
    )


def _check_way(way: Way, pay: Pay, kind: Kind, credit: str | None) -> None:
    if way is not Way.SCAN and pay is Pay.DIRECT:
        raise Problem(
            f"--way {way.value} is for customers with a balance, and guests pay on the appliance",
            "Leave --pay direct or --way out.",
        )
    if way is not Way.SCAN and kind is Kind.FAUCET:
        raise Problem(f"--way {way.value} needs a keypad, and a faucet has none", "Say --kind shower.")
    if way is not Way.OFFLINE and credit is not None:
        raise Problem(
            "--credit is what a code without a link is good for", "Say --way offline, or leave it out."
        )


def credit_of(tariff: Tariff, asked: str | None, name: str) -> int:
    """What a code without a link is good for, in minor units. Problem where none could be had for it."""
    hold_minor = parse_amount(tariff.hold, tariff.currency)
    try:
        credit_minor = (
            min(hold_minor or CREDIT_MINOR, CREDIT_MINOR)
            if asked is None
            else parse_amount(asked, tariff.currency)
        )
    except MoneyError as error:
        raise Problem(f"--credit: {error}", "Write an amount such as 3.00.") from error
    if not 1 <= credit_minor <= MAX_OFFLINE_CREDIT:
        most = format_amount(MAX_OFFLINE_CREDIT, tariff.currency)
        raise Problem(
            f"--credit cannot be {asked}", f"Say an amount above 0 and up to {most} {tariff.currency}."
        )
    sold = Sold(
        operator_id=OperatorId("replay"),
        outlet=OUTLET,
        appliance_id=ApplianceId("replay"),
        tariff_id=TariffId("replay"),
        version=1,
        body=dump_tariff(tariff),
        credit_minor=credit_minor,
        pause_s=0,
        currency=tariff.currency,
    )
    if freeze(sold) is None:
        raise Problem(
            f"no code without a link can be had by {name} for {format_amount(credit_minor, tariff.currency)}",
            "Say a higher --credit, or choose a tariff for customers with a balance.",
        )
    return credit_minor


def package_of(tariff: Tariff, asked: str | None, name: str) -> str:
    """The package asked for, or the first with a deposit, or the first. Problem when there is no such one."""
    known = [package.id for package in tariff.packages]
    if not known:
        raise Problem(
            f"{name} sells no packages, and guests can buy nothing else",
            f"Choose a tariff with packages, such as {next(iter(HOTEL))}.",
        )
    if asked is None:
        return next((package.id for package in tariff.packages if package.deposit is not None), known[0])
    if asked not in known:
        raise Problem(f"{name} has no package {asked!r}", f"Choose one of: {', '.join(known)}.")
    return asked


def kind_of(traces: Sequence[Recording], asked: Kind | None) -> Kind:
    """What the recording was taken at, by what it holds. Problem when something else was asked for."""
    of_power = isinstance(traces[0], Cycle)
    if asked is None:
        return Kind.SOCKET if of_power else Kind.SHOWER
    if of_power is not (asked is Kind.SOCKET):
        holds, fits = ("power", "socket") if of_power else ("flow", "shower or faucet")
        raise Problem(
            f"--kind {asked.value} does not fit: the recording is one of {holds}",
            f"Leave --kind out, or say {fits}.",
        )
    return asked


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


def find_tariff(text: str, kind: Kind = Kind.SHOWER) -> tuple[str, Tariff]:
    """A tariff by its name, or from a file, and what to call it. Problem when there is none or it is wrong."""
    named = {**NAMED, **HOTEL}
    if text in named:
        _check_metered(text, named[text], kind)
        return text, named[text]
    path = Path(text)
    if not path.is_file():
        names = ", ".join(named)
        raise Problem(
            f"there is no tariff {text!r}, neither by name nor as a file", f"Name a file, or one of: {names}."
        )
    try:
        tariff = parse_tariff(path.read_bytes())
    except OSError as error:
        raise Problem(f"{path} cannot be read: {error.strerror or error}", "Make it readable.") from error
    except TariffError as error:
        raise Problem(f"{path}: {error}", "Correct the tariff.") from error
    _check_metered(str(path), tariff, kind)
    return path.stem, tariff


def _check_metered(name: str, tariff: Tariff, kind: Kind) -> None:
    metered = {kind.register: "watt-hours" if kind is Kind.SOCKET else "millilitres", Register.S: "seconds"}
    for rate in tariff.rates:
        if rate.register not in metered:
            what = "power" if kind is Kind.SOCKET else "flow"
            ways = " or ".join(f"{words} (`{register.value}`)" for register, words in metered.items())
            raise Problem(
                f"{name} prices `{rate.register.value}`, which a recording of {what} does not hold",
                f"Choose a tariff by {ways}.",
            )
