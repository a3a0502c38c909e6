"""Everything a display can be made to say, with the worst figures anybody will see."""

from __future__ import annotations

from msgspec import Struct

from coinslot.terminal import phrases
from coinslot.terminal.choosing import Choice, Choosing, Stage
from coinslot.terminal.display import InUse, Texts
from coinslot.terminal.layouts import LAYOUTS, Layout, Said, from_elsewhere
from coinslot.terminal.settings import DisplaySize, Language
from coinslot.terminal.shopfront import Shopfront
from coinslot.wire.messages import Bill, Menu, Note, PackageOffered, Show
from coinslot.wire.records import DeclineReason, FaultCode, StopReason
from coinslot.wire.registers import Register

WIDE = LAYOUTS[DisplaySize.WIDE]
MOST_MINOR = 999_999
MOST_S = 99 * 60 + 59
MOST_WATER = {Register.ML: 999_990, Register.S: MOST_S}
MOST_POWER = {Register.WH: 999_990, Register.S: MOST_S}
MIXED = {**MOST_WATER, Register.WH: 999_990, Register.COUNT: 99}
LONG = "淋浴间三楼东侧男宾部第十二号位 Shower 12"
"""Twenty-five characters, forty columns: as long as a line from the server may be."""


class Answer(Struct, frozen=True):
    """One way to refuse a code."""

    note: Note
    lines: tuple[str, ...] = ()
    amount_minor: int | None = None
    life_s: int | None = None


ANSWERS = (
    *(Answer(note) for note in Note),
    *(Answer(note, lines=("12",)) for note in (Note.OTHER_OUTLET, Note.OUT_OF_HOURS)),
    *(Answer(note, lines=(LONG, LONG)) for note in (Note.OTHER_OUTLET, Note.OUT_OF_HOURS)),
    *(Answer(note, amount_minor=MOST_MINOR) for note in (Note.NO_BALANCE, Note.ARREARS)),
    *(Answer(Note.LOCKED, life_s=life_s) for life_s in (1, 3_600, 86_400)),
)


def everything(language: Language, layout: Layout) -> dict[str, Said]:
    """By a name of the moment."""
    texts = Texts(language)
    said: dict[str, Said] = {
        **{f"declined {reason}": texts.declined(reason) for reason in DeclineReason},
        **{f"fault {code}": texts.fault(code) for code in FaultCode},
        **{f"relay {code}": texts.relay_fault(code) for code in FaultCode},
        **{f"text {name}": (texts.forms(name),) for name in phrases.TEXTS if "{}" not in texts.word(name)},
        "idle": texts.idle(up=True, codes=False),
        "offline": texts.idle(up=False, codes=False),
        "offline with codes": texts.idle(up=False, codes=True),
        "locked": texts.locked(3_600),
        "bill": texts.bill(MOST_MINOR, -MOST_MINOR, "CNY"),
        "bill of francs": texts.bill(MOST_MINOR, MOST_MINOR, "CHF"),
        "balance": texts.balance(-MOST_MINOR),
        "begun": texts.begun(MOST_MINOR, MOST_MINOR, "CNY"),
        "begun without a limit": texts.begun(MOST_MINOR, None, "CNY"),
        **{f"code {length}": texts.code("8" * length) for length in range(1, 17)},
        "checking": texts.checking(),
    }
    for name, usage in (("water", MOST_WATER), ("power", MOST_POWER), ("mixed", MIXED)):
        for amount_minor in (None, MOST_MINOR):
            for reason in StopReason:
                said[f"ended {reason} {name} {amount_minor}"] = texts.ended(reason, usage, amount_minor)
            said[f"time up {name} {amount_minor}"] = texts.time_up(usage, amount_minor)
            for at, use in enumerate(uses(usage, amount_minor)):
                said[f"in use {name} {amount_minor} {at}"] = texts.in_use(use, layout)
                said[f"stops {name} {amount_minor} {at}"] = texts.stops_in(10, use)
                said[f"paused {name} {amount_minor} {at}"] = texts.paused(MOST_S, use)
    for can_pause in (False, True):
        said[f"time left {can_pause}"] = texts.time_left(MOST_S, can_pause=can_pause)
    for at, answer in enumerate(ANSWERS):
        show = Show(
            link=1,
            outlet=0,
            note=answer.note,
            lines=list(answer.lines),
            amount_minor=answer.amount_minor,
            life_s=answer.life_s,
        )
        said[f"refused {answer.note} {at}"] = texts.refused(show, layout)
    return {**said, **selling(texts, layout)}


def uses(usage: dict[Register, int], amount_minor: int | None) -> list[InUse]:
    """One session at its beginning and later, that may pause or not."""
    return [
        InUse(
            usage=usage,
            seconds=MOST_S,
            amount_minor=amount_minor,
            left_minor=amount_minor,
            can_pause=can_pause,
            fresh=fresh,
        )
        for can_pause in (False, True)
        for fresh in (False, True)
    ]


def selling(texts: Texts, layout: Layout) -> dict[str, Said]:
    """Buying on the appliance."""
    front, said = Shopfront(texts, layout), dict[str, Said]()
    packages = [
        PackageOffered(
            package=f"p{at}", title="三十分钟烘干加香氛 · Thirty minutes with scent", price_minor=MOST_MINOR
        )
        for at in range(8)
    ]
    choosing = Choosing()
    choosing.offer(
        Menu(link=1, outlet=0, currency="CNY", packages=packages, providers=["wechat", "alipay", "x" * 40])
    )
    for now in range(0, 24_001, 3_000):
        for picked in ("", "p1"):
            choosing.picked = picked
            face = front.selling(choosing, now)
            assert face is not None
            said[f"selling {picked} {now}"] = face.said
    choosing.picked = ""
    for provider in ("wechat", "alipay", "stripe"):
        for stage in (Stage.WAITING, Stage.CODE, Stage.SCANNED, Stage.PAID):
            choice = Choice("r", "p1", provider, 0, stage, "pay", MOST_MINOR, "CNY", 7_200_000)
            choosing.choice = choice
            face = front.under_way(choosing, 0)
            assert face is not None
            said[f"buying {provider} {stage}"] = face.said
            said[f"refunded {provider} {stage}"] = front.note(Note.REFUNDED, choice).said
    bill = Bill(
        session="s", currency="CNY", charge_minor=MOST_MINOR, balance_minor=0, refund_minor=MOST_MINOR
    )
    said["finished"] = front.finished(bill, None).said
    said["from elsewhere"] = from_elsewhere([LONG, LONG, LONG, LONG], layout)
    return said
