"""The displays of `docs/terminal/displays.md`, drawn by the code. Written again by `python -m tests.unit.terminal.pictures`."""

from __future__ import annotations

from pathlib import Path

from coinslot.terminal import phrases
from coinslot.terminal.display import InUse, Texts
from coinslot.terminal.layouts import LAYOUTS, Layout, Said, laid
from coinslot.terminal.settings import DisplaySize, Language
from coinslot.wire.messages import Note, Show
from coinslot.wire.records import StopReason
from coinslot.wire.registers import Register

PAGE = Path(__file__).parents[3] / "docs" / "terminal" / "displays.md"
BEGIN, END = "<!-- drawn: begin -->\n", "<!-- drawn: end -->\n"
USAGE = {Register.ML: 12_340, Register.S: 185}
GROUPS = (
    ("Refused codes and ends of choices", phrases.NOTES),
    ("Refused starts", phrases.DECLINED),
    ("Ends", phrases.REASONS),
    ("Faults", phrases.FAULTS),
    ("Faults of a relay", phrases.RELAY_FAULTS),
)


def moments(texts: Texts, layout: Layout) -> dict[str, Said]:
    """What a person in a bathroom reads, in this order."""
    use = InUse(
        usage=USAGE,
        seconds=185,
        amount_minor=185,
        left_minor=315,
        can_pause=True,
        fresh=False,
        currency="CNY",
    )
    show = Show(link=1, outlet=0, note=Note.NO_BALANCE, amount_minor=500, currency="CNY")
    return {
        "free": texts.idle(up=True, codes=False),
        "typing": texts.code("12345678"),
        "checking": texts.checking(),
        "refused": texts.refused(show, layout),
        "locked": texts.locked(59 * 60),
        "begun": texts.begun(1_500, 500, "CNY"),
        "in use": texts.in_use(use, layout),
        "paused": texts.paused(299, use),
        "not in use": texts.stops_in(10, use),
        "ended": texts.ended(StopReason.KEY, USAGE, 185),
        "billed": texts.bill(185, 1_815, "CNY"),
        "link down": texts.idle(up=False, codes=True),
    }


def drawn_columns(text: str) -> int:
    """In a fixed font, where nothing is moved to an even column."""
    return sum(2 if sign >= "\u2e80" else 1 for sign in text)


def drawn() -> str:
    """The part of the page between its two marks."""
    parts = []
    for size in DisplaySize:
        layout = LAYOUTS[size]
        pairs = [moments(Texts(language), layout) for language in (Language.EN, Language.ZH)]
        parts += [f"### {size.value}\n", "```"]
        for name in pairs[0]:
            rows = [laid(said[name], layout) for said in pairs]
            for at, both in enumerate(zip(*rows, strict=True)):
                boxes = "   ".join(f"|{row}{' ' * (layout.columns - drawn_columns(row))}|" for row in both)
                parts.append(f"{name if at == 0 else '':<11}{boxes}")
            parts.append("")
        parts[-1] = "```\n"
    parts.append("### Reasons\n")
    for title, table in GROUPS:
        parts += [f"| {title} | English | 中文 |", "|---|---|---|"]
        parts += [f"| `{code.value}` | {phrase.en[0]} | {phrase.zh[0]} |" for code, phrase in table.items()]
        parts.append("")
    return "\n".join(parts).rstrip() + "\n"


def page() -> tuple[str, str, str]:
    """The page before, between and behind its marks."""
    before, found, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    between, closed, behind = rest.partition(END)
    assert found, "the page has lost its first mark"
    assert closed, "the page has lost its second mark"
    return before, between, behind


if __name__ == "__main__":
    head, _, foot = page()
    PAGE.write_text(f"{head}{BEGIN}{drawn()}{END}{foot}", encoding="utf-8")
