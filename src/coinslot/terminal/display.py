"""Two lines of text for every state an outlet can be in."""

from __future__ import annotations

from collections.abc import Mapping

from coinslot.terminal.settings import Language
from coinslot.wire.messages import Note, PackageOffered
from coinslot.wire.records import DeclineReason, FaultCode, StopReason
from coinslot.wire.registers import Register

Lines = tuple[str, str]
COLUMNS = 32
"""Of one line of a display of two."""

_TEXTS: dict[str, Lines] = {
    "ready": ("请扫码或输入取水码", "Scan or enter code"),
    "offline": ("网络中断 请稍候", "Offline, please wait"),
    "stopping": ("正在关闭…", "Stopping…"),
    "fault": ("暂停使用 请联系管理员", "Out of order"),
    "closed": ("暂停服务", "Closed"),
    "code": ("授权码", "Code"),
    "confirm": ("按 # 确认, * 清除", "# confirm, * clear"),
    "stop": ("按停止键结束", "Stop key ends"),
    "used": ("已用", "Used"),
    "done": ("已结束", "Done"),
    "bill": ("消费", "Charged"),
    "balance": ("余额", "Balance"),
    "pay": ("请扫码付款", "Scan to pay"),
    "choose": ("请选择套餐", "Choose a package"),
    "pay_with": ("请选择支付方式", "How to pay"),
    "waiting": ("正在生成付款码…", "Making the code…"),
    "scanned": ("已扫码 请确认付款", "Scanned, please confirm"),
    "paid": ("已付款 正在启动…", "Paid, starting…"),
    "left": ("剩余", "Left"),
    "time_up": ("时间到", "Time is up"),
    "refund": ("退款", "Refunded"),
    "thanks": ("谢谢使用", "Thank you"),
    "again": ("请重新选择", "Choose again"),
}

_NOTES: dict[Note, Lines] = {
    Note.SCANNED: _TEXTS["scanned"],
    Note.PAID: _TEXTS["paid"],
    Note.REFUNDED: ("未能启动 已全额退款", "Not started, all refunded"),
    Note.EXPIRED: ("付款码已过期", "The code has expired"),
    Note.BUSY: ("正在使用中", "In use"),
    Note.UNAVAILABLE: ("暂时无法购买", "Not on sale now"),
    Note.TRY_AGAIN: ("暂无应答 请重试", "No answer, try again"),
    Note.WRONG_CODE: ("授权码错误", "Wrong code"),
    Note.CODE_EXPIRED: ("授权码已过期", "Code expired"),
    Note.CODE_USED: ("授权码已使用", "Code was used"),
    Note.OTHER_OUTLET: ("不是本机授权码", "For another unit"),
    Note.NO_BALANCE: ("余额不足", "Top up first"),
    Note.ARREARS: ("有欠费 请先补缴", "Pay arrears"),
    Note.NOT_ALLOWED: ("暂不能使用", "Not allowed now"),
    Note.OUT_OF_HOURS: ("不在开放时间", "Closed now"),
    Note.LOCKED: ("键盘已锁定", "Keypad locked"),
}

_PROVIDERS: dict[str, Lines] = {
    "wechat": ("微信支付", "WeChat Pay"),
    "alipay": ("支付宝", "Alipay"),
    "stripe": ("银行卡", "Card"),
}

_DECLINED: dict[DeclineReason, Lines] = {
    DeclineReason.EXPIRED: ("超时 请重试", "Too late, try again"),
    DeclineReason.WRONG_LINK: ("网络已重连 请重试", "Reconnected, try again"),
    DeclineReason.STOPPED: ("已取消", "Cancelled"),
    DeclineReason.BUSY: ("正在使用中", "In use"),
    DeclineReason.NO_OUTLET: ("没有此出口", "No such outlet"),
    DeclineReason.JOURNAL_FULL: ("存储已满 暂停使用", "Memory full, closed"),
    DeclineReason.FAULT: ("暂停使用 请联系管理员", "Out of order"),
    DeclineReason.LIMITS: ("无法开始 请联系管理员", "Cannot start, ask staff"),
    DeclineReason.CLOSED: ("暂停服务", "Closed"),
}

_REASONS: dict[StopReason, Lines] = {
    StopReason.KEY: ("已停止", "Stopped"),
    StopReason.COMMAND: ("已停止", "Stopped"),
    StopReason.LIMIT: ("已到限额", "Limit reached"),
    StopReason.IDLE: ("长时间未用 已结束", "Ended: not in use"),
    StopReason.POWER_LOSS: ("断电 已结束", "Ended: power lost"),
    StopReason.FAULT: ("故障 已停止", "Fault: stopped"),
}

_FAULTS: dict[FaultCode, Lines] = {
    FaultCode.FLOW_WHILE_SHUT: ("阀门漏水", "Flow while shut"),
    FaultCode.VALVE_STUCK: ("阀门故障", "Valve stuck"),
    FaultCode.METER_STUCK: ("水表故障", "Meter stuck"),
    FaultCode.METER_BACKWARDS: ("水表倒转", "Meter backwards"),
    FaultCode.LEAK: ("漏水报警", "Leak"),
    FaultCode.JOURNAL: ("存储故障", "Memory fault"),
    FaultCode.SENSOR: ("传感器故障", "Sensor fault"),
    FaultCode.NO_LOAD: ("设备未通电", "Draws no power"),
    FaultCode.OVERLOAD: ("功率过载", "Overload"),
    FaultCode.STALL: ("电机卡住", "Motor blocked"),
}
_RELAY_FAULTS: dict[FaultCode, Lines] = {
    FaultCode.FLOW_WHILE_SHUT: ("断电失败", "Power while off"),
    FaultCode.VALVE_STUCK: ("继电器故障", "Relay stuck"),
    FaultCode.METER_STUCK: ("电表故障", "Meter counts nothing"),
    FaultCode.METER_BACKWARDS: ("电表倒转", "Meter runs backwards"),
}
"""What the same codes mean where a relay is the valve."""


def _pick(lines: Lines, language: Language) -> str:
    return lines[0] if language is Language.ZH else lines[1]


def in_chinese(text: str) -> str:
    """What a display in Chinese shows where one in English shows `text`: for pictures of appliances."""
    for chinese, english in _LONGEST_FIRST:
        text = text.replace(english, chinese)
    return text


_LONGEST_FIRST = sorted(
    {
        *_TEXTS.values(),
        *_DECLINED.values(),
        *_REASONS.values(),
        *_FAULTS.values(),
        *_RELAY_FAULTS.values(),
        *_NOTES.values(),
        *_PROVIDERS.values(),
    },
    key=lambda pair: (-len(pair[1]), pair[1]),
)


class Texts:
    """The texts in one language."""

    def __init__(self, language: Language) -> None:
        self._language = language

    def word(self, name: str) -> str:
        """One of the fixed texts."""
        return _pick(_TEXTS[name], self._language)

    def declined(self, reason: DeclineReason) -> Lines:
        """Why a start was refused."""
        return _pick(_DECLINED[reason], self._language), ""

    def ended(
        self,
        reason: StopReason,
        usage: Mapping[Register, int],
        amount_minor: int | None,
        currency: str = "CNY",
    ) -> Lines:
        """The end of a session, before the server's bill."""
        return _pick(_REASONS[reason], self._language), _line(usage, amount_minor, currency)

    def fault(self, code: FaultCode) -> Lines:
        """An outlet out of order."""
        return self.word("fault"), _pick(_FAULTS[code], self._language)

    def relay_fault(self, code: FaultCode) -> Lines:
        """The same where a relay is the valve."""
        return self.word("fault"), _pick(_RELAY_FAULTS.get(code, _FAULTS[code]), self._language)

    def in_use(self, usage: Mapping[Register, int], amount_minor: int | None, currency: str = "CNY") -> Lines:
        """Quantity and money as they run."""
        return _line(usage, amount_minor, currency), self.word("stop")

    def time_left(self, left_s: int) -> Lines:
        """What is left of the time that was bought."""
        return f"{self.word('left')} {clock(left_s)}", self.word("stop")

    def note(self, note: Note) -> str:
        """What became of a wish to pay here."""
        return _pick(_NOTES[note], self._language)

    def provider(self, provider: str) -> str:
        """The name of a way to pay; its id where no name is known."""
        return _pick(_PROVIDERS.get(provider, (provider, provider)), self._language)

    def title(self, package: PackageOffered) -> str:
        """In one language, where the operator wrote both: `30 分钟 · 30 min`."""
        parts = package.title.split(" · ")
        return _pick((parts[0], parts[1]), self._language) if len(parts) == 2 else package.title

    def bill(self, charge_minor: int, balance_minor: int, currency: str) -> Lines:
        """What it came to."""
        return (
            f"{self.word('bill')} {money(charge_minor, currency)}",
            f"{self.word('balance')} {money(balance_minor, currency)}",
        )

    def balance(self, balance_minor: int) -> Lines:
        """What is left."""
        return f"{self.word('balance')} {money(balance_minor)}", ""

    def code(self, digits: str) -> Lines:
        """Digits as they are typed, in fours."""
        groups = " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))
        return f"{self.word('code')} {groups}", self.word("confirm")


def money(minor: int, currency: str = "CNY") -> str:
    """An amount of a currency with two decimals, or of the few without any."""
    sign = "-" if minor < 0 else ""
    symbol = {"CNY": "¥", "EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥"}.get(currency, f"{currency} ")
    if currency in {"JPY", "KRW", "VND", "CLP"}:
        return f"{sign}{symbol}{abs(minor)}"
    return f"{sign}{symbol}{abs(minor) // 100}.{abs(minor) % 100:02d}"


def quantity(usage: Mapping[Register, int]) -> str:
    """The usage in the units people read: litres, kilowatt-hours, pieces, minutes and seconds."""
    parts = []
    if Register.ML in usage:
        parts.append(f"{usage[Register.ML] // 1000}.{usage[Register.ML] % 1000 // 10:02d} L")
    if Register.WH in usage:
        parts.append(f"{usage[Register.WH] // 1000}.{usage[Register.WH] % 1000 // 10:02d} kWh")
    if Register.COUNT in usage:
        parts.append(f"x {usage[Register.COUNT]}")
    if not parts:
        seconds = usage.get(Register.S, 0)
        parts.append(clock(seconds))
    return " ".join(parts)


def clock(seconds: int) -> str:
    """Minutes and seconds."""
    return f"{seconds // 60}:{seconds % 60:02d}"


def columns(text: str) -> int:
    """Its width on a character display, where a Chinese character takes two places."""
    return sum(2 if ord(sign) > 0x2E80 else 1 for sign in text)


def fitted(text: str, most: int = COLUMNS) -> str:
    """As much of a text from elsewhere as a line holds."""
    while columns(text) > most:
        text = text[:-1]
    return text


def _line(usage: Mapping[Register, int], amount_minor: int | None, currency: str) -> str:
    amount = "" if amount_minor is None else f"  {money(amount_minor, currency)}"
    return f"{quantity(usage)}{amount}"
