"""A second opinion on every charge and limit, written from the rules and not from the code.

It reads the tariff's JSON itself, keeps the counters' absolute positions instead of shifting tiers, and
works in fractions throughout. `python -m tests.unit.tariffs.oracle --cases 1000000 --seed 1`
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from fractions import Fraction
from functools import lru_cache
from itertools import islice
from typing import TypeAlias, cast

from coinslot.tariffs import (
    Context,
    HoldTooSmall,
    decode_quote,
    encode_quote,
    free_used,
    limits,
    make_quote,
    package_quote,
    parse_tariff,
    rate,
)
from coinslot.wire.registers import Register

Json: TypeAlias = dict[str, object]


class Outcome(Enum):
    """What became of a case's limits; a run that never meets one of these proves little."""

    TOO_SMALL = "hold too small"
    UNLIMITED = "the tariff's own limits"
    ONE_LIMIT = "one register limited by the hold"
    SHARED = "several registers share the hold"


HALF = Fraction(1, 2)
NAMES = ("ml", "s", "wh", "count")


@dataclass(frozen=True)
class Case:
    """One tariff at one moment, with what was used."""

    tariff: Json
    at: datetime
    used_today: dict[str, int]
    used_in_year: dict[str, int]
    usage: dict[str, int]
    hold_minor: int


def expected(case: Case, usage: dict[str, int]) -> int:
    """The charge in minor units, by the rules."""
    tariff = case.tariff
    exact, paying = Fraction(0), False
    rates = cast(list[Json], tariff["rates"])
    for item in rates:
        name = str(item["register"])
        allowance = cast(dict[str, int], tariff.get("free_daily", {})).get(name, 0)
        left = max(allowance - case.used_today.get(name, 0), 0)
        used = usage.get(name, 0)
        if used <= left:
            continue
        paying = True
        per = cast(int, item.get("per", 1))
        paid: int = used - left
        if item.get("counting") == "started":
            paid = math.ceil(Fraction(paid, per)) * per
        before = case.used_in_year.get(name, 0) if item.get("cumulative", "session") != "session" else 0
        steps = price_steps(item, case.at)
        exact += (paid_up_to(steps, before + left + paid) - paid_up_to(steps, before + left)) / per
    if not rates:
        paying = sum(usage.values()) > 0
    if not paying:
        return 0
    major = exact + Fraction(str(tariff.get("start_fee", "0")))
    major = max(major, Fraction(str(tariff.get("minimum", "0"))))
    if "maximum" in tariff:
        major = min(major, Fraction(str(tariff["maximum"])))
    return math.floor(major * 100 + HALF)


def price_steps(item: Json, at: datetime) -> list[tuple[float, Fraction]]:
    """Ends of the tiers with their prices per `per`, at a moment."""
    if "seasons" in item:
        item = next(s for s in cast(list[Json], item["seasons"]) if covers(s, at.strftime("%m-%d"), True))
    if "bands" in item:
        item = next(b for b in cast(list[Json], item["bands"]) if covers(b, at.strftime("%H:%M"), False))
    if "tiers" in item:
        tiers = cast(list[Json], item["tiers"])
        return [(cast(int, t.get("up_to", math.inf)), Fraction(str(t["price"]))) for t in tiers]
    return [(math.inf, Fraction(str(item["price"])))]


def covers(part: Json, now: str, inclusive: bool) -> bool:
    """Whether a part of the day or year covers `now`; texts of one length compare like times."""
    first, last = str(part["from"]), str(part["to"])
    before_end = now <= last if inclusive else now < last
    wraps = first > last or (first == last and not inclusive)
    return (now >= first or before_end) if wraps else (now >= first and before_end)


def paid_up_to(steps: list[tuple[float, Fraction]], position: int) -> Fraction:
    """What all units from 0 to `position` cost, times `per`."""
    total, low = Fraction(0), 0
    for end, price in steps:
        high = position if end is math.inf else min(position, int(end))
        total += max(high - low, 0) * price
        low = max(low, high)
    return total


# ---------------------------------------------------------------- cases


def make_cases(rng: random.Random) -> Iterator[Case]:
    """Endless cases, sixteen sessions to a tariff: a tariff takes longer to check than a session."""
    while True:
        tariff = make_tariff(rng)
        for _ in range(16):
            yield make_session(rng, tariff)


def make_tariff(rng: random.Random) -> Json:
    """A tariff that an operator might write."""
    names = rng.sample(NAMES, rng.choice((0, 1, 1, 1, 1, 2, 2, 3)))
    rates = [_rate(rng, name) for name in names]
    tariff: Json = {"currency": "CNY", "hold": "90000.00", "rates": rates}
    if rng.random() < 0.3 or not rates:
        tariff["start_fee"] = _yuan(rng, 1, 300)
    if rng.random() < 0.2:
        tariff["minimum"] = _yuan(rng, 1, 400)
    if rng.random() < 0.2:
        tariff["maximum"] = _yuan(rng, 400, 3000)
    if rng.random() < 0.4:
        tariff["free_daily"] = {name: rng.choice((1, 60, 180, 5000)) for name in names[:2]}
    for name in NAMES:
        tariff[f"max_{name}"] = rng.choice((1, 50, 3600, 100_000, 10**7))
    return tariff


def make_session(rng: random.Random, tariff: Json) -> Case:
    """A session somewhere near the tariff's edges."""
    names = [str(item["register"]) for item in cast(list[Json], tariff["rates"])]
    at = datetime(2024, 1, 1) + timedelta(minutes=rng.randrange(3 * 366 * 1440))
    return Case(
        tariff=tariff,
        at=at,
        used_today={name: rng.choice((0, 0, 30, 180, 7000)) for name in names},
        used_in_year={name: rng.choice((0, 99, 100, 101, 5000, 10**6)) for name in names},
        usage={name: _amount(rng) for name in (*names, rng.choice(NAMES))},
        hold_minor=rng.choice((0, 1, 8, 100, 500, 500, 2000, rng.randrange(10**5))),
    )


def _rate(rng: random.Random, name: str) -> Json:
    item: Json = {"register": name, "per": rng.choice((1, 5, 7, 30, 600, 1000, 3600, 1_000_000))}
    if rng.random() < 0.4:
        item["counting"] = "started"
    if rng.random() < 0.3:
        item["weight"] = rng.randrange(1, 9)
    kind = rng.randrange(4)
    if kind == 0:
        item["bands"] = _bands(rng)
    elif kind == 1:
        edge = rng.randrange(3, 11)
        item["seasons"] = [
            {"name": "cold", "from": "11-15", "to": f"{edge:02d}-14", **_pricing(rng)},
            {"name": "warm", "from": f"{edge:02d}-15", "to": "11-14", **_pricing(rng)},
        ]
        if rng.random() < 0.4:
            cast(list[Json], item["seasons"])[0] = {
                "name": "cold", "from": "11-15", "to": f"{edge:02d}-14", "bands": _bands(rng),
            }  # fmt: skip
    else:
        item.update(_pricing(rng))
    if "tiers" in json.dumps(item) and rng.random() < 0.6:
        item["cumulative"] = "season" if kind == 1 and rng.random() < 0.5 else "year"
    return item


def _bands(rng: random.Random) -> list[Json]:
    first, second = sorted(rng.sample(range(24), 2))
    edges = (f"{first:02d}:00", f"{second:02d}:30")
    return [
        {"from": edges[0], "to": edges[1], **_pricing(rng)},
        {"from": edges[1], "to": edges[0], **_pricing(rng)},
    ]


def _pricing(rng: random.Random) -> Json:
    if rng.random() < 0.5:
        return {"price": _price(rng)}
    ends = sorted(rng.sample((1, 30, 100, 101, 350, 500, 5000, 77_777), rng.randrange(1, 4)))
    tiers: list[Json] = [{"up_to": end, "price": _price(rng)} for end in ends]
    return {"tiers": [*tiers, {"price": _price(rng)}]}


def _price(rng: random.Random) -> str:
    return rng.choice(
        ("0.045", "0.08", "0.21", "0.02", "3", "0.5", "0.333333", "2.61", "0.005", f"{rng.random():.6f}")
    )


def _yuan(rng: random.Random, low: int, high: int) -> str:
    minor = rng.randrange(low, high)
    return f"{minor // 100}.{minor % 100:02d}"


def _amount(rng: random.Random) -> int:
    edge = rng.choice((0, 1, 5, 30, 60, 100, 180, 350, 600, 1000, 5000, 17_700, 10**6))
    return max(0, edge * rng.randrange(1, 4) + rng.randrange(-1, 2))


# ---------------------------------------------------------------- the comparison


_parsed = lru_cache(maxsize=1)(parse_tariff)


def check(case: Case) -> Outcome:
    """AssertionError where the code and the rules differ."""
    tariff = _parsed(json.dumps(case.tariff))
    context = Context(
        started_local=case.at,
        used_today={Register(name): count for name, count in case.used_today.items()},
        used_in_year={Register(name): count for name, count in case.used_in_year.items()},
    )
    quote = decode_quote(encode_quote(make_quote(tariff, tariff_id="t", version=1, context=context)))
    usage = {Register(name): count for name, count in case.usage.items()}
    charge = rate(quote, usage)
    assert charge.amount_minor == expected(case, case.usage), case
    assert sum(line.amount for line in charge.lines) == charge.amount_minor, case
    for register, count in free_used(quote, usage).items():
        assert 0 <= count <= min(quote.free[register], usage.get(register, 0)), case
    names = [str(item["register"]) for item in cast(list[Json], case.tariff["rates"])]
    try:
        found = limits(quote, case.hold_minor)
    except HoldTooSmall:
        least = dict.fromkeys(names or NAMES, 1)
        assert expected(case, least) > case.hold_minor, case
        return Outcome.TOO_SMALL
    at_limit = {"ml": found.ml, "s": found.s, "wh": found.wh, "count": found.count}
    assert min(at_limit.values()) >= 1, case
    assert expected(case, at_limit) <= case.hold_minor, case
    for name in NAMES:
        most = cast(int, case.tariff[f"max_{name}"])
        assert at_limit[name] <= most, case
        if at_limit[name] < most:
            assert name in names, case
            beyond = {**at_limit, name: at_limit[name] + 1}
            assert expected(case, beyond) > case.hold_minor, case
    limited = sum(at_limit[name] < cast(int, case.tariff[f"max_{name}"]) for name in NAMES)
    return (Outcome.UNLIMITED, Outcome.ONE_LIMIT, Outcome.SHARED, Outcome.SHARED)[limited]


def package_charge(
    price_minor: int, included: dict[str, int], usage: dict[str, int], *, cut_short: bool
) -> int:
    """What is bought for a price, by the rules: whole, or the share of whatever was used most of, in integers alone."""
    moved = {name for name, used in usage.items() if used > 0}
    if not moved:
        return 0
    if not cut_short:
        return price_minor
    if "wh" in usage and usage["wh"] <= 1 and not {"ml", "count"} & moved:
        return 0
    used = {name: min(usage.get(name, 0), most) for name, most in included.items()}
    return max((price_minor * used[name] * 2 + most) // (most * 2) for name, most in included.items())


def check_package(rng: random.Random) -> None:
    """One package, used somehow and ended somehow. AssertionError where the code and the rules differ."""
    names = rng.sample(NAMES, rng.randrange(1, 4))
    included = {name: rng.choice((1, 2, 3, 7, 60, 999, 1800, 100_000)) for name in names}
    price_minor = rng.choice((1, 3, 99, 5_00, 12_34, 999_99))
    usage = {
        name: rng.choice((0, 1, 2, included.get(name, 50) // 2, included.get(name, 50), 10**6))
        for name in rng.sample(NAMES, rng.randrange(5))
    }
    cut_short = rng.random() < 0.7
    price = f"{price_minor // 100}.{price_minor % 100:02d}"
    body = {"currency": "CNY", "packages": [{"id": "p", "title": "p", "price": price, **included}]}
    tariff = parse_tariff(json.dumps(body))
    made = package_quote(
        tariff, tariff.packages[0], tariff_id="t", version=1, started_local=datetime(2026, 1, 1)
    )
    quote = decode_quote(encode_quote(made))
    counted = {Register(name): units for name, units in usage.items()}
    charge = rate(quote, counted, cut_short=cut_short)
    assert charge.amount_minor == package_charge(price_minor, included, usage, cut_short=cut_short)
    assert sum(line.amount for line in charge.lines) == charge.amount_minor
    more = {register: units + 1 for register, units in counted.items()}
    assert charge.amount_minor <= rate(quote, more, cut_short=cut_short).amount_minor <= price_minor
    found = limits(quote, price_minor)
    at_limit = {"ml": found.ml, "s": found.s, "wh": found.wh, "count": found.count}
    assert all(at_limit[name] == most for name, most in included.items())


def run_packages(cases: int, seed: int) -> None:
    """Compare many packages; the first difference is raised with the seed and number that replay it."""
    for number in range(cases):
        try:
            check_package(random.Random(seed * 1_000_003 + number))
        except Exception as error:
            error.add_note(f"package {number} of seed {seed}")
            raise


def run(cases: int, seed: int) -> Counter[Outcome]:
    """Compare many cases; the first difference is raised with the seed and number that replay it."""
    outcomes: Counter[Outcome] = Counter()
    for number, case in enumerate(islice(make_cases(random.Random(seed)), cases)):
        try:
            outcomes[check(case)] += 1
        except Exception as error:
            error.add_note(f"case {number} of seed {seed}: {case}")
            raise
    return outcomes


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    begun = time.perf_counter()
    outcomes = run(given.cases, given.seed)
    run_packages(given.cases // 10, given.seed)
    print(f"{given.cases} cases, seed {given.seed}: 0 differences, {time.perf_counter() - begun:.0f} s")
    for outcome in Outcome:
        print(f"{outcomes[outcome]:>9} {outcome.value}")


if __name__ == "__main__":
    main()
