"""The demo's picture for a terminal: one screen of at least 80 by 24, wider and higher where there is room."""

from __future__ import annotations

import io
import re
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace
from rich.console import Console, Group, RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text

from coinslot.app.demo_view import BILLS, Bill, Condition, Row, View
from coinslot.money import format_amount

_WIDE = 110
_LEAST_BILLS = 3
_DOTS = {
    Condition.FREE: ("○", "dim"),
    Condition.STARTING: ("◔", "yellow"),
    Condition.RUNNING: ("●", "green"),
    Condition.STOPPING: ("◕", "yellow"),
    Condition.UNKNOWN: ("?", "yellow"),
    Condition.OFFLINE: ("×", "red"),
    Condition.DARK: ("×", "red"),
    Condition.FAULT: ("!", "red"),
}


class Place(Struct, frozen=True, kw_only=True):
    """What does not change while the demo runs: where things are, and what to try."""

    http_url: str
    mqtt: str
    folder: str
    log: str
    tries: tuple[str, ...]


def picture(view: View, place: Place, width: int, height: int) -> RenderableType:
    """The whole screen; never higher than `height` as long as that is at least 24."""
    wide = width >= _WIDE
    foot = _foot(view, place, width)
    outside = 1 + 1 + 1 + _lines(foot, width)
    view = replace(view, rows=_most_used(view.rows, height - outside - _LEAST_BILLS))
    used = outside + len(view.rows)
    room = max(_LEAST_BILLS, height - used)
    # What is left over parts the sections.
    air: list[RenderableType] = [""] if room - BILLS >= 3 else []
    bills = _bills(view, wide, min(room, BILLS))
    return Group(_title(view, width), *air, _in_use(view, wide), *air, bills, *air, *foot)


def svg(view: View, place: Place, width: int, height: int) -> str:
    """The picture as an SVG that stands alone: it names no font server, and no address but its name space."""
    console = Console(
        record=True,
        width=width,
        height=height,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
    )
    console.print(picture(view, place, width, height))
    text = console.export_svg(title="coinslot demo", unique_id="coinslot")
    text = re.sub(r"@font-face \{.*?\n    \}\n", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    return re.sub(r"[ \t]+\n", "\n", text)


def _most_used(rows: tuple[Row, ...], most: int) -> tuple[Row, ...]:
    """As many rows as there is room for, in their order; of those that are free the last ones have to go."""
    rest = max(0, len(rows) - max(0, most))
    free = [at for at, row in enumerate(rows) if row.condition is Condition.FREE]
    gone = set(free[len(free) - min(rest, len(free)) :])
    left = [row for at, row in enumerate(rows) if at not in gone]
    return tuple(left[: max(0, most)])


def _title(view: View, width: int) -> Text:
    minutes, seconds = divmod(view.uptime_s, 60)
    left = Text.assemble(
        (" coinslot demo ", "bold reverse"),
        f" up {minutes}:{seconds:02d} · ",
        (f"{view.settled} settled", "bold"),
        f" (+{view.earlier} earlier)" if view.earlier else "",
        f" · link {view.received} in, {view.sent} out",
    )
    hint = Text("Ctrl-C ends", style="dim")
    if left.cell_len + 1 + hint.cell_len <= width:
        left.append(" " * (width - left.cell_len - hint.cell_len))
        left.append_text(hint)
    left.truncate(width)
    return left


def _in_use(view: View, wide: bool) -> Table:
    table = _table()
    table.add_column("Appliance", no_wrap=True, ratio=3)
    table.add_column("Outlet", no_wrap=True, ratio=2)
    if wide:
        table.add_column("Code", no_wrap=True, ratio=2)
    table.add_column("State", no_wrap=True, ratio=3)
    table.add_column("Customer", no_wrap=True, ratio=2)
    for name in ("Litres", "Cost", "Time"):
        table.add_column(name, justify="right", no_wrap=True, ratio=2)
    for row in view.rows:
        cells: list[str | Text] = [row.appliance, row.outlet, _condition(row), row.customer]
        if wide:
            cells.insert(2, Text(row.code, style="dim"))
        cells += [
            _litres(row.ml),
            "" if row.cost_minor is None else format_amount(row.cost_minor, view.currency),
            "" if row.running_s is None else f"{row.running_s // 60}:{row.running_s % 60:02d}",
        ]
        table.add_row(*cells, style="dim" if row.condition is Condition.FREE else "")
    return table


def _condition(row: Row) -> Text:
    dot, colour = _DOTS[row.condition]
    return Text(f"{dot} {row.condition.value}", style=colour)


def _bills(view: View, wide: bool, room: int) -> Table:
    table = _table()
    table.add_column("Bill", no_wrap=True, width=8)
    table.add_column("At", no_wrap=True, ratio=1)
    table.add_column("Who", no_wrap=True, width=7)
    table.add_column("Litres", justify="right", no_wrap=True, width=6)
    table.add_column("Charge", justify="right", no_wrap=True, width=6)
    table.add_column("Hold → taken+back", justify="right", no_wrap=True, width=18)
    table.add_column("Ended", no_wrap=True, width=11 if wide else 10)
    if wide:
        table.add_column("Session", no_wrap=True, width=28)
    for bill in view.bills[: max(1, room)]:
        cells: list[str | Text] = [_clock(bill.ended_at), _where(bill), bill.customer, _litres(bill.ml)]
        charge = "–" if bill.charge_minor is None else format_amount(bill.charge_minor, view.currency)
        cells += [Text(charge, style="bold"), _money_way(bill, view.currency), bill.how]
        if wide:
            cells.append(Text(bill.session, style="dim"))
        table.add_row(*cells)
    for _ in range(room - len(view.bills)):
        table.add_row("")
    return table


def _money_way(bill: Bill, currency: str) -> str:
    hold, taken, back = (
        format_amount(minor, currency)
        for minor in (bill.hold_minor, bill.captured_minor, bill.released_minor)
    )
    return f"{hold} → {taken} + {back}"


def _where(bill: Bill) -> str:
    """A shower's one outlet needs no name of its own."""
    return (
        bill.appliance
        if bill.appliance.startswith(bill.outlet)
        else f"{bill.appliance} {bill.outlet.lower()}"
    )


def _foot(view: View, place: Place, width: int) -> list[RenderableType]:
    def money(minor: int) -> str:
        return format_amount(minor, view.currency)

    lines = [
        _labelled(
            "Money",
            f"wallets {money(view.wallets_minor)}  held {money(view.held_minor)}  "
            f"revenue {money(view.revenue_minor)} {view.currency}  top-ups {view.topped_up}  refused {view.refused}",
        ),
        _books(view),
        _faults(view, width),
        _labelled("Open", f"{place.http_url}/wall  mqtt {place.mqtt}"),
        _labelled("Data", f"{place.folder}  (demo.log, console-logins)"),
        Text("Try in another shell", style="bold"),
        *(Text(f" $ {line}", style="cyan") for line in place.tries),
    ]
    return list(lines)


def _books(view: View) -> Text:
    books = view.books
    if books is None:
        return _labelled("Books", "being checked for the first time")
    word, colour = ("✓ sound", "green") if books.sound else ("! NOT SOUND", "bold red")
    text = _labelled("Books", "")
    text.append(word, style=colour)
    text.append(
        f", {books.entries} entries, sealed to #{books.sealed_to}  (recomputed {view.books_age_s} s ago)"
    )
    return text


def _faults(view: View, width: int) -> Text:
    text = _labelled("Faults", "")
    if not view.faults:
        text.append("○ none now", style="dim")
    else:
        text.append("× " + "  × ".join(view.faults), style="red")
    text.truncate(width, overflow="ellipsis")
    return text


def _labelled(label: str, words: str) -> Text:
    return Text.assemble((f"{label:<8}", "bold"), words)


def _table() -> Table:
    return Table(
        box=None,
        expand=True,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        header_style=Style(bold=True, underline=True),
    )


def _lines(parts: list[RenderableType], width: int) -> int:
    """How many lines these texts take, folded ones counted."""
    console = Console(width=width, file=io.StringIO())
    return sum(len(console.render_lines(part, pad=False)) for part in parts)


def _litres(ml: int | None) -> str:
    return "" if ml is None else f"{ml / 1000:.2f}"


def _clock(moment: datetime) -> str:
    return moment.astimezone().strftime("%H:%M:%S")
