"""The display while somebody uses an outlet: how much there is, what runs, how long a pause lasts, that it will stop."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from coinslot.terminal.display import InUse, Texts
from coinslot.terminal.layouts import Layout
from coinslot.terminal.rating import Rater
from coinslot.terminal.runs import Run
from coinslot.terminal.shopfront import Face
from coinslot.terminal.views import Phase, View
from coinslot.wire.messages import Limits
from coinslot.wire.registers import Register

BEGUN_MS = 3_000
"""How long balance and limit are shown before the figures that run."""
FRESH_MS = 7_000
"""How long a display of two short rows says the keys."""
WARN_MS = 10_000
"""An end for want of use is said this long beforehand."""
SETTLED_MS = 2_000
"""Shorter than this without use nobody is told of it, however short the idle limit is."""


class Using:
    """One session's figures, worked out of its quote."""

    def __init__(self, run: Run, texts: Texts, rater: Rater, layout: Layout) -> None:
        self._run = run
        self._texts = texts
        self._rater = rater
        self._layout = layout
        self._quote = bytes(run.about.quote)
        promise = rater.promise(self._quote)
        self._by_time = promise is not None and promise.time_bought
        self._currency = "CNY" if promise is None else promise.currency
        hold_minor = None if promise is None else promise.hold_minor
        self._limit_minor = limit_minor(rater, self._quote, run.about.limits, hold_minor)

    def face(self, registers: Mapping[Register, int], power_w: int | None, now: int) -> Face:
        """What is shown at this moment."""
        run = self._run
        usage = run.usage(registers)
        amount_minor = self._rater.amount_minor(self._quote, usage)
        use = self._figures(usage, amount_minor, now)
        begun = now - run.opened_at < BEGUN_MS and not run.about.resumes
        said = self._texts.begun(run.balance_minor, self._limit_minor, self._currency)
        pause_s, idle_s = run.pause_left_s(now), self._warning(now)
        view = View(
            phase=Phase.RUNNING,
            currency=self._currency,
            amount_minor=amount_minor,
            left_s=run.left_s(now) if self._by_time else None,
            can_pause=use.can_pause,
            balance_minor=run.balance_minor if begun else None,
            limit_minor=self._limit_minor if begun else None,
            stops_in_s=idle_s,
            usage=usage,
            power_w=power_w,
        )
        if run.paused_at is not None:
            said = self._texts.paused(pause_s, use)
            view = replace(view, phase=Phase.PAUSED, left_s=pause_s, can_pause=False)
        elif idle_s is not None:
            said = self._texts.stops_in(idle_s, use)
        elif self._by_time:
            said = self._texts.time_left(run.left_s(now), can_pause=use.can_pause)
        elif not (begun and run.balance_minor is not None):
            said = self._texts.in_use(use, self._layout)
        return Face(said, replace(view, text=said[0][0]))

    def _figures(self, usage: dict[Register, int], amount_minor: int | None, now: int) -> InUse:
        left_minor = None
        if amount_minor is not None and self._limit_minor is not None:
            left_minor = max(0, self._limit_minor - amount_minor)
        return InUse(
            usage=usage,
            seconds=usage.get(Register.S, 0),
            amount_minor=amount_minor,
            left_minor=left_minor,
            currency=self._currency,
            can_pause=self._run.may_pause(now),
            fresh=now - self._run.opened_at < FRESH_MS,
        )

    def _warning(self, now: int) -> int | None:
        """Seconds until it ends for want of use, when that is near."""
        idle_ms = self._run.idle_ms(now)
        if idle_ms is None or idle_ms < SETTLED_MS:
            return None
        left_ms = self._run.about.limits.idle_s * 1000 - idle_ms
        return max(0, -(-left_ms // 1000)) if left_ms <= WARN_MS else None


def limit_minor(rater: Rater, quote: bytes, limits: Limits, hold_minor: int | None) -> int | None:
    """What a use comes to at all its limits together, at most what is held; None where the quote cannot be read.

    The quote's hold alone would say too much to somebody whose balance is smaller.
    """
    at_limits = {
        Register.ML: limits.ml,
        Register.S: limits.s,
        Register.WH: limits.wh,
        Register.COUNT: limits.count,
    }
    most_minor = rater.amount_minor(quote, at_limits)
    if most_minor is None or hold_minor is None:
        return None
    return min(most_minor, hold_minor)
