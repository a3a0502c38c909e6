"""What a person reads from the keypad to the bill, on displays of every size and in their own language."""

from __future__ import annotations

import pytest
from msgspec import Raw
from msgspec.structs import replace

from coinslot import tariffs
from coinslot.tariffs import Quote
from coinslot.tariffs.quoting import QuoteRate, QuoteTier, encode_quote
from coinslot.terminal.events import KeyPressed, LinkDown, StopKey
from coinslot.terminal.rating import QuoteRater
from coinslot.terminal.settings import DisplaySize
from coinslot.terminal.views import Phase
from coinslot.wire.messages import Bill, CodeEntered, DisplayLanguage, Note, Offline, Show, Start
from coinslot.wire.registers import Register
from tests.unit.terminal.rig import SHOWER, Rig

CODE = "12345678"
SHOWER_QUOTE = Quote(
    tariff_id="t",
    version=1,
    currency="CNY",
    hold_minor=500,
    minimum_start_minor=100,
    rates=(QuoteRate(register=Register.ML, tiers=(QuoteTier(None, 15, 1000),)),),
    max_ml=1_000_000,
    max_s=3_600,
    max_wh=1,
    max_count=1,
    idle_s=60,
)
"""0.15 yuan for a litre."""
ZH, EN = DisplayLanguage.ZH, DisplayLanguage.EN


class Bathroom(Rig):
    """A shower behind a keypad, with a display of some size."""

    def __init__(self, size: DisplaySize) -> None:
        outlet = replace(SHOWER.outlets[0], display=size)
        super().__init__(replace(SHOWER, outlets=(outlet,)), rater=QuoteRater())
        self.ready()

    @property
    def rows(self) -> tuple[str, ...]:
        return self.shown[0]

    def types(self, keys: str) -> None:
        for key in keys:
            self.feed(KeyPressed(0, key), 100)

    def answers(self, note: Note, **more: object) -> None:
        request = self.last(CodeEntered).request
        self.say(Show(link=self.link, outlet=0, request=request, note=note, **more))  # type: ignore[arg-type]

    def opens(
        self,
        *,
        language: DisplayLanguage | None = None,
        balance_minor: int | None = 1_500,
        hold_minor: int = 500,
        pause_s: int = 300,
        command: str = "cmd",
        expires_in_ms: int = 10_000,
    ) -> None:
        limits = replace(tariffs.limits(SHOWER_QUOTE, hold_minor), pause_s=pause_s)
        self.say(
            Start(
                link=self.link,
                command=command,
                session="ses",
                outlet=0,
                limits=limits,
                quote=Raw(encode_quote(SHOWER_QUOTE)),
                expires_at_ms=self.core.link.link_ms + expires_in_ms,
                language=language,
                balance_minor=balance_minor,
            )
        )

    def bills(self, charge_minor: int, balance_minor: int, language: DisplayLanguage | None = None) -> None:
        bill = Bill(session="ses", currency="CNY", charge_minor=charge_minor, balance_minor=balance_minor)
        self.say(Show(link=self.link, outlet=0, bill=bill, language=language))


def test_a_shower_from_the_code_to_the_bill_on_four_rows_in_chinese() -> None:
    room = Bathroom(DisplaySize.TALL)
    room.types("123456799*")
    assert room.rows == ("Code 1234 5679", "# ok, * one back", "", "")
    room.types("#")
    assert (room.rows[0], room.views[0].phase) == ("Checking...", Phase.CHECKING)
    room.opens(language=ZH)
    assert room.rows == ("本次限额 ¥5.00", "另有余额 ¥15.00", "", "")
    room.flow(10, 150)
    assert room.rows == ("1.50 L  0:10", "费用 ¥0.23", "剩余 ¥4.77", "* 暂停, # 结束")
    room.types("*")
    assert room.rows == ("已暂停 5:00", "* 继续, # 结束", "1.50 L  ¥0.23", "")
    room.feed(KeyPressed(0, "*"), 10_000)
    room.tick(48_000)
    room.tick(2_500)
    assert room.rows[:2] == ("无用量 10 秒后停止", "1.50 L  ¥0.23")
    assert room.views[0].stops_in_s == 10
    room.feed(StopKey(0))
    assert room.rows[:2] == ("已停止", "1.50 L  ¥0.23")
    room.bills(23, 1_977)
    assert room.rows == ("消费 ¥0.23", "余额 ¥19.77", "谢谢使用", "")
    room.tick(20_000)
    assert room.rows[0] == "Scan or enter code"


def test_the_same_on_two_short_rows_says_the_keys_first_and_then_what_is_left() -> None:
    room = Bathroom(DisplaySize.SMALL)
    assert room.rows == ("Scan / type code", "")
    room.types("1234")
    assert room.rows == ("Code 1234", "# ok, * one back")
    room.types("5678#")
    room.opens()
    assert room.rows == ("Limit ¥5.00", "Beside ¥15.00")
    room.flow(4, 150)
    assert room.rows == ("0.60 L  ¥0.09", "* pause, # end")
    room.flow(6, 150)
    assert room.rows == ("1.50 L  ¥0.23", "Left ¥4.77")
    room.types("*")
    assert room.rows == ("Paused 5:00", "* go on, # end")
    room.types("#")
    assert room.rows == ("Stopped", "1.50 L  ¥0.23")


def test_on_a_wide_display_everything_is_as_it_was() -> None:
    room = Bathroom(DisplaySize.WIDE)
    room.opens(balance_minor=None, pause_s=0)
    room.flow(4, 150)
    assert room.rows == ("0.60 L  ¥0.09", "Stop key ends")


@pytest.mark.parametrize(
    ("balance_minor", "hold_minor", "rows"),
    [
        (1_500, 500, ("Limit ¥5.00", "Beside ¥15.00")),
        (0, 500, ("Limit ¥5.00", "Beside ¥0.00")),
        (0, 300, ("Limit ¥3.00", "Beside ¥0.00")),
        (None, 300, ("0.00 L  ¥0.00", "* pause, # end")),
    ],
)
def test_the_limit_is_what_the_customer_s_money_reaches_for(
    balance_minor: int | None, hold_minor: int, rows: tuple[str, str]
) -> None:
    room = Bathroom(DisplaySize.SMALL)
    room.opens(balance_minor=balance_minor, hold_minor=hold_minor)
    assert room.rows == rows


def test_the_customer_s_language_outlives_a_loss_of_power() -> None:
    room = Bathroom(DisplaySize.WIDE)
    room.opens(language=ZH)
    room.flow(2)
    room.power_cycle()
    assert room.rows[0] == "断电 已结束"
    room.link_up()
    room.bills(23, 1_977)
    assert room.rows == ("消费 ¥0.23", "余额 ¥19.77")


def test_a_refused_start_is_told_in_the_language_of_whom_it_was_for() -> None:
    room = Bathroom(DisplaySize.WIDE)
    room.opens(language=ZH, expires_in_ms=0)
    assert room.rows == ("超时 请重试", "")
    room.opens(command="cmd2", expires_in_ms=0)
    assert room.rows == ("Too late, try again", "")


@pytest.mark.parametrize(
    ("size", "note", "more", "rows"),
    [
        (DisplaySize.SMALL, Note.WRONG_CODE, {}, ("授权码错误", "请核对后重新输入")),
        (DisplaySize.SMALL, Note.NO_BALANCE, {"amount_minor": 500}, ("余额不足", "至少需要 ¥5.00")),
        (DisplaySize.SMALL, Note.LOCKED, {"life_s": 3_540}, ("锁定 59 分钟", "可用 12 位授权码")),
        (
            DisplaySize.TALL,
            Note.OTHER_OUTLET,
            {"lines": ["淋浴 3"]},
            ("不是本机授权码", "此码属于 淋浴 3", "请到对应位置使用", ""),
        ),
        (
            DisplaySize.TALL,
            Note.ARREARS,
            {"amount_minor": 310},
            ("有欠费 请先补缴", "欠费 ¥3.10", "请在手机上补缴", ""),
        ),
    ],
)
def test_a_refusal_comes_in_the_customer_s_language_and_goes_after_a_while(
    size: DisplaySize, note: Note, more: dict[str, object], rows: tuple[str, ...]
) -> None:
    room = Bathroom(size)
    room.types(CODE + "#")
    room.answers(note, language=ZH, **more)
    assert room.rows == rows
    assert room.views[0].phase is Phase.NOTICE
    room.types("**")
    assert room.rows[0].startswith(("Scan", "Locked", "Keypad"))


def test_a_locked_keypad_says_so_to_whoever_comes_next_and_counts_down() -> None:
    room = Bathroom(DisplaySize.TALL)
    room.types(CODE + "#")
    room.answers(Note.LOCKED, life_s=180)
    room.tick(9_000)
    assert room.rows == ("Keypad locked 3 min", "12-digit code ok", "Get one on the phone", "")
    room.tick(60_000)
    assert room.rows[0] == "Keypad locked 2 min"
    room.tick(120_000)
    assert room.rows[0] == "Scan or enter code"


def test_a_long_code_right_after_another_is_asked_to_wait_a_moment() -> None:
    room = Bathroom(DisplaySize.SMALL)
    room.tick(5_000)
    room.types("123456789012#")
    room.answers(Note.WRONG_CODE)
    assert room.rows == ("Wrong code", "Check, try again")
    room.types("123456789012#")
    assert room.rows == ("Wait 3 seconds", "")


def test_without_a_link_it_says_to_wait_where_no_offline_code_is_taken() -> None:
    room = Bathroom(DisplaySize.SMALL)
    room.feed(LinkDown(room.link))
    assert room.rows == ("Offline, wait", "")


@pytest.mark.parametrize(
    ("size", "rows"),
    [
        (DisplaySize.SMALL, ("Link down", "Use offline code")),
        (DisplaySize.TALL, ("Link down: ask phone", "for an offline code", "", "")),
        (DisplaySize.WIDE, ("Link down: ask your phone", "for an offline code")),
    ],
)
def test_without_a_link_it_names_the_code_that_is_taken_also_to_whoever_types_another(
    size: DisplaySize, rows: tuple[str, ...]
) -> None:
    room = Bathroom(size)
    room.say(
        Offline(
            link=room.link,
            outlet=0,
            terms="trm_1",
            key="0" * 31 + "1",
            starting_code=123_456_789,
            value=1,
            credit_minor=300,
            currency="CNY",
            limits=tariffs.limits(SHOWER_QUOTE, 300),
            quote=Raw(encode_quote(SHOWER_QUOTE)),
        )
    )
    room.feed(LinkDown(room.link))
    room.tick(1_000)
    assert room.rows == rows
    room.types(CODE + "#")
    assert room.rows == rows
