"""How a replay is shown: a bar while it runs, tables when it is done."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from coinslot.app.replay_plan import Plan, Way
from coinslot.app.replay_results import Played, Report
from coinslot.app.replay_run import OnPlayed
from coinslot.money import format_amount

FAILED_SHOWN = 20
_WAYS = {
    Way.SCAN: "",
    Way.KEYPAD: ", by codes typed on keypads",
    Way.OFFLINE: ", by codes typed without a link",
}


class Watch:
    """What whoever waits sees, on standard error."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False)

    def say(self, line: str) -> None:
        """What is being waited for."""
        self.console.print(f"· {line}", style="dim", markup=False)

    @contextlib.contextmanager
    def playing(self, plan: Plan) -> Iterator[OnPlayed]:
        """A bar over the uses; the lines of those that fail stand above it."""
        columns = (
            TextColumn("Playing"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[used]}"),
            TimeElapsedColumn(),
        )
        ml = wh = 0
        with Progress(
            *columns, console=self.console, transient=True, disable=not self.console.is_terminal
        ) as bar:
            task = bar.add_task("", total=len(plan.traces), used="")

            def played(one: Played) -> None:
                nonlocal ml, wh
                ml, wh = ml + (one.register_ml or 0), wh + (one.register_wh or 0)
                bar.update(task, advance=1, used=f"{wh / 1000:.2f} kWh" if wh else f"{ml / 1000:.1f} L")
                if not one.settled:
                    self.say(f"use {one.event_id}: {one.state}: {one.problem}")

            yield played


def show(report: Report, console: Console) -> None:
    """The report as tables."""
    _show_totals(report, console)
    _show_ends(report, console)
    _show_slowest(report, console)
    _show_failed(report, console)
    _show_ledger(report, console)


def _show_totals(report: Report, console: Console) -> None:
    totals = report.totals
    table = Table(
        title=f"{totals.events} uses by {report.tariff}"
        + (f", {report.package}" if report.package else "")
        + _WAYS[Way(report.way)],
        show_header=False,
        title_style="bold",
        min_width=60,
    )
    table.add_column()
    table.add_column(justify="right")
    table.add_row("Settled", f"{totals.settled} of {totals.events}")
    table.add_row("Violations", str(report.violations))
    if report.credit_minor:
        table.add_row("Credit of a code", _money(report.credit_minor, report.currency))
    table.add_row("Cut by the hold", str(totals.cut_by_hold))
    recorded = _wh(totals.recorded_mwh) if totals.recorded_mwh else _litres(totals.recorded_ml)
    metered = _wh(totals.register_wh * 1000) if totals.recorded_mwh else _litres(totals.register_ml)
    table.add_row("Recorded", f"{recorded} in {_span(totals.recorded_s)}")
    table.add_row("Metered", metered)
    table.add_row("Held", _money(totals.held_minor, report.currency))
    table.add_row("Charged", _money(totals.charge_minor, report.currency))
    table.add_row("Captured", _money(totals.captured_minor, report.currency))
    if report.pay == "direct":
        table.add_row("Refunded to guests", _money(report.ledger.refunded_minor, report.currency))
    table.add_row("Given back", _money(totals.released_minor, report.currency))
    pace = totals.settled / report.play_s if report.play_s > 0 else 0.0
    table.add_row(
        "Played",
        f"{report.play_s:.1f} s by {report.terminals} terminals, {pace:.1f} sessions/s, "
        f"{totals.recorded_s / max(report.play_s, 0.001):,.0f} times real time",
    )
    table.add_row("In all, engines included", f"{report.wall_s:.1f} s")
    console.print(table)


def _show_ends(report: Report, console: Console) -> None:
    table = Table("Ended by", title_style="bold")
    table.add_column("Sessions", justify="right")
    for end, count in report.totals.ends.items():
        table.add_row(end, str(count))
    console.print(table)


def _show_slowest(report: Report, console: Console) -> None:
    table = Table("Slowest use", title_style="bold")
    for column in ("Real time", "Recorded", "Used", "Charged"):
        table.add_column(column, justify="right")
    for event in report.slowest:
        charge = "" if event.charge_minor is None else _money(event.charge_minor, report.currency)
        used = _litres(event.register_ml or 0) if event.register_wh is None else _wh(event.register_wh * 1000)
        table.add_row(event.event_id, f"{event.took_ms} ms", _span(event.recorded_s), used, charge)
    console.print(table)


def _show_failed(report: Report, console: Console) -> None:
    failed = [event for event in report.events if not event.settled]
    if not failed:
        return
    table = Table("Use", "State", "What is wrong", title=f"{len(failed)} uses failed", title_style="bold red")
    for event in failed[:FAILED_SHOWN]:
        table.add_row(event.event_id, event.state, event.problem or "")
    console.print(table)
    if len(failed) > FAILED_SHOWN:
        console.print(f"and {len(failed) - FAILED_SHOWN} more; --json OUT lists them all")


def _show_ledger(report: Report, console: Console) -> None:
    check = report.ledger
    if check.ok:
        console.print(
            f"[green]✓[/green] The books fit: {check.entries} entries, {check.postings} postings recomputed, "
            f"{_money(check.revenue_minor, report.currency)} earned, nothing held or promised any more."
        )
        if check.paid_in_minor:
            console.print(
                f"[green]✓[/green] Wallets have {_money(check.wallets_minor, report.currency)} left of "
                f"{_money(check.paid_in_minor, report.currency)}."
            )
        return
    for fault in check.faults:
        console.print(f"✗ {fault}", style="red", markup=False)
    if not check.agrees:
        console.print(
            f"✗ The ledger earned {_money(check.revenue_minor, report.currency)} and still holds "
            f"{_money(check.held_minor, report.currency)}; the sessions captured "
            f"{_money(report.totals.captured_minor, report.currency)}; wallets have "
            f"{_money(check.wallets_minor, report.currency)} left of "
            f"{_money(check.paid_in_minor, report.currency)}; {check.promised} sessions are promised yet.",
            style="red",
            markup=False,
        )


def _money(amount_minor: int, currency: str) -> str:
    return f"{format_amount(amount_minor, currency)} {currency}"


def _litres(ml: int) -> str:
    return f"{ml / 1000:,.3f} L"


def _wh(mwh: int) -> str:
    return f"{mwh // 1000:,}.{mwh % 1000:03} Wh"


def _span(seconds: int) -> str:
    hours, rest = divmod(seconds, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}"
