"""Messages and records whose exact bytes every implementation must read, and write alike."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Raw, Struct

from coinslot.wire.codec import encode
from coinslot.wire.documents.example_records import (
    BIG,
    CHECKPOINT,
    COMMAND,
    EPOCH,
    LONG_ID,
    NOW_MS,
    OFFLINE_SESSION,
    RECORD_EXAMPLES,
    SESSION,
    STARTED,
    STOPPED,
)
from coinslot.wire.messages import (
    Ack,
    Alive,
    Bill,
    Burn,
    CodeEntered,
    Config,
    Configure,
    DisplayLanguage,
    Down,
    Gone,
    Hello,
    KeypadGuard,
    Limits,
    Lost,
    Menu,
    Note,
    Offline,
    PackageOffered,
    Ping,
    QrCancelled,
    QrWanted,
    Readings,
    Records,
    Show,
    Start,
    Stop,
    Up,
    Update,
    Updated,
    UpdateKind,
    UpdateStep,
    Welcome,
)
from coinslot.wire.records import Record
from coinslot.wire.registers import Register

Anything: TypeAlias = Up | Down | Record


class Example(Struct, frozen=True):
    """A message and what it is an example of."""

    name: str
    message: Anything


def _raw(record: Record) -> Raw:
    return Raw(encode(record))


_ALL_LIMITS = Limits(ml=111_111, s=14_400, wh=20_000, count=100, idle_s=150)

_UP = (
    Example(
        "first hello of a terminal",
        Hello(link=1, epoch=EPOCH, next_seq=1, oldest_seq=1, boot=1, open_sessions=[]),
    ),
    Example(
        "hello in mid-session, in answer to a ping",
        Hello(
            link=42,
            epoch=EPOCH,
            next_seq=1_001,
            at_ms=16_250,
            oldest_seq=490,
            boot=7,
            open_sessions=[SESSION],
            firmware="coinslot-agent 1.0.0 固件",
        ),
    ),
    Example(
        "hello, biggest counts, 32 sessions",
        Hello(
            link=BIG,
            epoch=LONG_ID,
            next_seq=BIG,
            at_ms=BIG,
            oldest_seq=BIG,
            boot=BIG,
            open_sessions=[f"ses_{number:02}" for number in range(32)],
            firmware="f" * 64,
        ),
    ),
    Example("one record", Records(link=42, epoch=EPOCH, first_seq=1, records=[_raw(STARTED)])),
    Example(
        "a session in one message",
        Records(
            link=42,
            epoch=EPOCH,
            first_seq=1_001,
            records=[_raw(STARTED), _raw(CHECKPOINT), _raw(STOPPED)],
        ),
    ),
    Example(
        "sixteen records",
        Records(link=42, epoch=EPOCH, first_seq=BIG - 16, records=[_raw(CHECKPOINT)] * 16),
    ),
    Example("lost", Lost(link=42, epoch=EPOCH, from_seq=480, to_seq=489)),
    Example("one lost record", Lost(link=42, epoch=EPOCH, from_seq=1, to_seq=1)),
    Example(
        "readings, idle", Readings(link=42, outlet=0, ticks_ms=300_000, registers={Register.ML: 1_258_500})
    ),
    Example(
        "readings in use",
        Readings(
            link=42,
            outlet=1,
            ticks_ms=65_000,
            registers={Register.ML: 1_250_700, Register.S: 88},
            flow_ml_per_min=8_400,
            power_w=0,
            valve_open=True,
            session=SESSION,
            sensors={"tank_decic": 612, "tds_ppm": 12},
        ),
    ),
    Example(
        "readings, sixteen sensors",
        Readings(
            link=42,
            outlet=0,
            ticks_ms=1,
            registers={},
            valve_open=False,
            sensors={f"sensor_{number:02}": -number for number in range(16)},
        ),
    ),
    Example("code entered", CodeEntered(link=42, outlet=0, digits="48213907", request="r1")),
    Example("code entered, longest", CodeEntered(link=42, outlet=255, digits="0" * 16, request=LONG_ID)),
    Example("QR wanted", QrWanted(link=42, outlet=0, provider="wechat", package="10min", request="r2")),
    Example("QR wanted no more", QrCancelled(link=42, outlet=0, request="r2")),
    Example("QR wanted no more, longest", QrCancelled(link=BIG, outlet=255, request=LONG_ID)),
    Example(
        "readings of an electrical outlet",
        Readings(
            link=42,
            outlet=0,
            ticks_ms=70_000,
            registers={Register.WH: 40, Register.S: 61},
            power_w=2_514,
            valve_open=True,
            session=SESSION,
        ),
    ),
    Example(
        "hello of a terminal that takes offline codes",
        Hello(
            link=43,
            epoch=EPOCH,
            next_seq=1_004,
            oldest_seq=490,
            boot=7,
            open_sessions=[],
            offline=["7k2m9q"],
        ),
    ),
    Example("a keypad after two wrong codes", KeypadGuard(link=42, outlet=0, tries=2)),
    Example("a locked keypad", KeypadGuard(link=42, outlet=255, tries=9, locked_s=960)),
    *(
        Example(f"update: {step.value}", Updated(link=42, version="1.1.0", serial=7, step=step))
        for step in UpdateStep
    ),
    Example("alive", Alive(link=42)),
    Example("gone", Gone(link=42)),
)

_DOWN = (
    Example("welcome", Welcome(link=42, now_ms=NOW_MS, epoch=EPOCH, acked=1_000)),
    Example(
        "welcome that asks for a new epoch, with settings",
        Welcome(
            link=42,
            now_ms=NOW_MS,
            epoch=EPOCH,
            acked=0,
            new_epoch=True,
            config=Config(checkpoint_s=5, readings_s=20, idle_readings_s=3_600, watch_readings_s=2),
        ),
    ),
    Example("ack", Ack(link=42, epoch=EPOCH, seq=1_003)),
    Example("ack of nothing yet, wants the first", Ack(link=42, epoch=EPOCH, seq=0, want=1)),
    Example(
        "start without a quote",
        Start(link=42, command=COMMAND, session=SESSION, outlet=0, limits=_ALL_LIMITS, expires_at_ms=31_000),
    ),
    Example(
        "start with a quote",
        Start(
            link=42,
            command=COMMAND,
            session=SESSION,
            outlet=0,
            limits=_ALL_LIMITS,
            expires_at_ms=31_000,
            quote=Raw(b'{"tariff_id":"trf_1","version":3,"currency":"CNY","hold_minor":500}'),
        ),
    ),
    Example(
        "start, biggest and smallest limits",
        Start(
            link=1,
            command="c",
            session="s",
            outlet=255,
            limits=Limits(ml=BIG, s=2**31 - 1, wh=BIG, count=1, idle_s=86_400),
            expires_at_ms=BIG,
        ),
    ),
    Example(
        "start that may be paused, in the customer's language, with the balance",
        Start(
            link=42,
            command=COMMAND,
            session=SESSION,
            outlet=1,
            limits=Limits(ml=111_111, s=14_400, wh=20_000, count=100, idle_s=150, pause_s=300),
            expires_at_ms=31_000,
            language=DisplayLanguage.EN,
            balance_minor=1_500,
        ),
    ),
    Example(
        "start of a session that an offline code was given out for",
        Start(
            link=42,
            command=COMMAND,
            session=OFFLINE_SESSION,
            outlet=0,
            limits=_ALL_LIMITS,
            expires_at_ms=31_000,
            token=13,
        ),
    ),
    Example("stop", Stop(link=42, session=SESSION)),
    Example(
        "show lines", Show(link=42, outlet=0, lines=["Balance 12.34", "余额 12.34 元", "", "Прощайте ½ €"])
    ),
    Example("show a QR", Show(link=42, outlet=0, qr="https://pay.example/o/7Q2M?x=1&y=%E6%B0%B4")),
    Example("show a balance below zero", Show(link=42, outlet=0, balance_minor=-40)),
    Example(
        "show a bill",
        Show(
            link=42,
            outlet=0,
            bill=Bill(session=SESSION, currency="CNY", charge_minor=38, balance_minor=1_962),
        ),
    ),
    Example(
        "show the code of a wish",
        Show(
            link=42,
            outlet=0,
            qr="weixin://wxpay/bizpayurl?pr=p4lpSuKzz",
            request="r2",
            amount_minor=500,
            currency="CNY",
            life_s=300,
        ),
    ),
    *(
        Example(f"what became of a wish: {note.value}", Show(link=42, outlet=0, request="r2", note=note))
        for note in Note
    ),
    Example(
        "show the bill of a direct payment, with what goes back and a code to read it",
        Show(
            link=42,
            outlet=0,
            qr="https://coinslot.example/b/3f9c",
            request="r2",
            bill=Bill(session=SESSION, currency="CNY", charge_minor=320, balance_minor=0, refund_minor=180),
        ),
    ),
    Example(
        "a code for another appliance",
        Show(
            link=42,
            outlet=0,
            request="r1",
            note=Note.OTHER_OUTLET,
            lines=["Shower 3"],
            language=DisplayLanguage.EN,
        ),
    ),
    Example("clear the display", Show(link=42, outlet=0)),
    Example(
        "menu",
        Menu(
            link=42,
            outlet=0,
            currency="CNY",
            packages=[
                PackageOffered(package="30min", title="30 分钟 · 30 min", price_minor=500),
                PackageOffered(package="by-use", title="按电量 · by use", price_minor=2_000, by_use=True),
            ],
            providers=["wechat", "alipay"],
        ),
    ),
    Example(
        "menu, eight packages, six providers",
        Menu(
            link=BIG,
            outlet=255,
            currency="CNY",
            packages=[
                PackageOffered(package=f"{number}" * 40, title="包" * 64, price_minor=BIG, by_use=True)
                for number in range(8)
            ],
            providers=[f"provider_{number}" for number in range(6)],
        ),
    ),
    Example("menu, nothing to buy", Menu(link=42, outlet=0)),
    Example("configure", Configure(link=42, config=Config(readings_s=30))),
    Example("configure: somebody watches for ten minutes", Configure(link=42, watch_s=600)),
    Example(
        "update",
        Update(
            link=42,
            version="1.1.0",
            url="https://updates.example/agent-1.1.0.tar",
            sha256="0123456789abcdef" * 4,
            serial=7,
            size=1_234_567,
            signature="0123456789abcdef" * 8,
        ),
    ),
    Example(
        "update of the configuration",
        Update(
            link=42,
            version="2026-11-22",
            url="https://updates.example/shower.toml",
            sha256="0123456789abcdef" * 4,
            kind=UpdateKind.CONFIG,
            serial=BIG,
            size=1,
            signature="f" * 128,
        ),
    ),
    Example(
        "offline terms",
        Offline(
            link=42,
            outlet=0,
            terms="7k2m9q",
            key="bc41ec9530f6dac86b1a29ab82edc5fb",
            starting_code=516_959_010,
            value=5,
            count=12,
            credit_minor=500,
            currency="CNY",
            limits=_ALL_LIMITS,
            quote=Raw(b'{"tariff_id":"trf_1","version":3,"currency":"CNY","hold_minor":500}'),
        ),
    ),
    Example("no offline codes any more", Offline(link=42, outlet=0, terms="none")),
    Example("burn an offline code, longest", Burn(link=BIG, outlet=255, session=LONG_ID, token=BIG)),
    Example("burn an offline code", Burn(link=42, outlet=0, session=OFFLINE_SESSION, token=13)),
    Example("ping", Ping(link=42)),
)

EXAMPLES: tuple[Example, ...] = (
    *(Example(name, record) for name, record in RECORD_EXAMPLES),
    *_UP,
    *_DOWN,
)
"""All of them; their names are unique."""
