"""Notifications a second, most of which say what was said before: taken, acted upon, every fen counted."""

from __future__ import annotations

from typing import Final

from coinslot.app.benches import repeats
from coinslot.app.benches.bed import Bed
from coinslot.app.benches.figures import Figure
from coinslot.app.benches.limits import BEST, BestOfPgbench
from coinslot.app.benches.quiet import without_log
from coinslot.app.benches.rsa import verifications_per_s
from coinslot.app.errors import Problem
from coinslot.engines.connect import ensure_database
from coinslot.engines.migrate import migrate

PART: Final = "g"
TITLE: Final = "notifications a second, providers repeating themselves"


class Repeating:
    """Part (g)."""

    def __init__(self, bed: Bed, best: BestOfPgbench) -> None:
        self._bed = bed
        self._best = best
        self._per_s: list[float] = []
        self._payments_per_s: list[float] = []
        self._verified_per_s: list[float] = []
        self._heard = 0

    def round(self) -> None:
        """A run with a seed of its own, on a database of its own. Problem when a payment is not credited once."""
        self._bed.say(f"{self._bed.sizes.payments} payments, each told of up to 20 times")
        self._verified_per_s.append(verifications_per_s())
        report = self._bed.runner.run(self._round(len(self._per_s)))
        if report.violations:
            raise Problem(f"with seed {report.seed}: {report.violations[0]}", "This must never happen.")
        self._per_s.append(report.per_s)
        self._payments_per_s.append(report.payments_per_s)
        self._heard += report.notifications

    def figures(self) -> list[Figure]:
        """Against what the database commits; and what signatures alone would allow."""
        note = f"{self._heard:,} in all; each payment credited once"
        return [
            self._best.figure(PART),
            Figure(
                part=PART, name="bare RSA verifications, one core", unit="/s", values=self._verified_per_s
            ),
            Figure(
                part=PART,
                name="notifications, with their repeats",
                unit="/s",
                values=self._per_s,
                limit=BEST,
                note=note,
            ),
            Figure(
                part=PART,
                name="payments, with all that is said of them",
                unit="/s",
                values=self._payments_per_s,
                limit=BEST,
            ),
        ]

    async def _round(self, number: int) -> repeats.Report:
        url = self._bed.postgres.url(f"repeats_{number}")
        await ensure_database(url)
        await migrate(url)
        with without_log():
            return await repeats.run(
                url, self._bed.folder / "merchants", payments=self._bed.sizes.payments, seed=number
            )
