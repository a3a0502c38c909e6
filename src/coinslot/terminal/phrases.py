"""Every fixed text of a display in both languages, each in forms from long to short; the last fits 16 columns.

`{}` stands for a whole number. English is plain ASCII and Chinese within GB 2312: a character display has no more.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from coinslot.terminal.layouts import Forms
from coinslot.terminal.settings import Language
from coinslot.wire.messages import Note
from coinslot.wire.records import DeclineReason, FaultCode, StopReason

MOST_FORMS = 3


class Phrase(NamedTuple):
    """One text; the forms of both languages go in pairs."""

    zh: Forms
    en: Forms

    def spoken(self, language: Language) -> Forms:
        """Its forms in one language."""
        return self.zh if language is Language.ZH else self.en


def _say(chinese: str, english: str) -> Phrase:
    zh, en = tuple(chinese.split("|")), tuple(english.split("|"))
    most = max(len(zh), len(en))
    return Phrase(zh + zh[-1:] * (most - len(zh)), en + en[-1:] * (most - len(en)))


TEXTS: dict[str, Phrase] = {
    "ready": _say("请扫码或输入取水码|请扫码或输授权码", "Scan or enter code|Scan / type code"),
    "offline": _say("网络中断 请稍候|网络中断 请稍候", "Offline, please wait|Offline, wait"),
    "offline_code": _say("网络中断", "Link down: ask your phone|Link down: ask phone|Link down"),
    "offline_how": _say("请在手机上取离线码|用手机取离线码", "for an offline code|Use offline code"),
    "stopping": _say("正在关闭", "Stopping..."),
    "fault": _say("暂停使用 请联系管理员|暂停使用", "Out of order"),
    "closed": _say("暂停服务", "Closed"),
    "code": _say("授权码|码", "Code"),
    "confirm": _say("按 # 确认, * 退一位|#确认 *退一位", "# confirm, * one back|# ok, * one back"),
    "checking": _say("正在核对 请稍候", "Checking..."),
    "locked_for": _say("键盘已锁定 {} 分钟|锁定 {} 分钟", "Keypad locked {} min|Locked {} min"),
    "too_soon": _say("请稍等几秒再输入|请稍等几秒再输", "Wait a few seconds|Wait 3 seconds"),
    "long_code": _say("可用 12 位授权码|可用12位授权码", "A 12-digit code works|12-digit code ok"),
    "long_how": _say("请在手机上取|请在手机上取", "Get one on the phone|Get it by phone"),
    "stop": _say("按停止键结束", "Stop key ends"),
    "keys": _say("* 暂停, # 结束|*暂停 #结束", "* pause, # end"),
    "paused": _say("已暂停", "Paused"),
    "paused_keys": _say("* 继续, # 结束|*继续 #结束", "* go on, # end"),
    "stops_in": _say("无用量 {} 秒后停止|{} 秒后停止", "Not in use: stops in {} s|Stops in {} s"),
    "limit": _say("本次限额|限", "Limit"),
    "beside": _say("另有余额|另有", "Balance beside|Beside"),
    "cost": _say("费用", "Cost"),
    "money_left": _say("剩余", "Left"),
    "used": _say("已用", "Used"),
    "done": _say("已结束", "Done"),
    "bill": _say("消费", "Charged"),
    "balance": _say("余额", "Balance|Bal."),
    "pay": _say("请扫码付款|扫码付", "Scan to pay|Pay"),
    "choose": _say("请选择套餐", "Choose a package|Choose one"),
    "pay_with": _say("请选择支付方式", "How to pay"),
    "waiting": _say("正在生成付款码", "Making the code...|One moment..."),
    "scanned": _say("已扫码 请确认付款|请付款|付", "Scanned, please confirm|Scanned|Pay"),
    "paid": _say("已付款 正在启动", "Paid, starting...|Paid, starting"),
    "left": _say("剩余", "Left"),
    "time_up": _say("时间到", "Time is up"),
    "refund": _say("退款", "Refunded|Refund"),
    "thanks": _say("谢谢使用", "Thank you"),
    "again": _say("请重新选择", "Choose again"),
    "check": _say("请核对后重新输入|请核对后重输", "Check it, type again|Check, try again"),
    "renew": _say("请在手机上重新取码|请用手机重新取码", "Get a new one"),
    "there": _say("请到对应位置使用|请到对应位置用", "Use it at its own place|Use it there"),
    "only_for": _say("此码属于", "Code is for"),
    "needs": _say("至少需要|需", "A start takes|Needs"),
    "owed": _say("欠费|欠", "Owed"),
    "top_up": _say("请在手机上充值", "Top up by phone"),
    "pay_up": _say("请在手机上补缴", "Pay it by phone"),
    "see_phone": _say("详情请看手机", "See your phone"),
}

NOTES: dict[Note, Phrase] = {
    Note.SCANNED: TEXTS["scanned"],
    Note.PAID: TEXTS["paid"],
    Note.REFUNDED: _say("未能启动 已全额退款|未启动 已退款", "Not started, all refunded|All is refunded"),
    Note.EXPIRED: _say("付款码已过期", "The code has expired|Code has expired"),
    Note.BUSY: _say("正在使用中", "In use"),
    Note.UNAVAILABLE: _say("暂时无法购买", "Not on sale now"),
    Note.TRY_AGAIN: _say("暂无应答 请重试", "No answer, try again|Please try again"),
    Note.WRONG_CODE: _say("授权码错误", "Wrong code"),
    Note.CODE_EXPIRED: _say("授权码已过期", "Code expired"),
    Note.CODE_USED: _say("授权码已使用", "Code was used"),
    Note.OTHER_OUTLET: _say("不是本机授权码", "For another unit"),
    Note.NO_BALANCE: _say("余额不足", "Balance too low"),
    Note.ARREARS: _say("有欠费 请先补缴|有欠费", "Pay arrears first|Pay arrears"),
    Note.NOT_ALLOWED: _say("暂不能使用", "Not allowed now"),
    Note.OUT_OF_HOURS: _say("不在开放时间", "Closed now"),
    Note.LOCKED: _say("键盘已锁定", "Keypad locked"),
}

PROVIDERS: dict[str, Phrase] = {
    "wechat": _say("微信支付", "WeChat Pay"),
    "alipay": _say("支付宝", "Alipay"),
    "stripe": _say("银行卡", "Card"),
}

DECLINED: dict[DeclineReason, Phrase] = {
    DeclineReason.EXPIRED: _say("超时 请重试", "Too late, try again|Too late, again"),
    DeclineReason.WRONG_LINK: _say("网络已重连 请重试|请重试", "Reconnected, try again|Please try again"),
    DeclineReason.STOPPED: _say("已取消", "Cancelled"),
    DeclineReason.BUSY: _say("正在使用中", "In use"),
    DeclineReason.NO_OUTLET: _say("没有此出口", "No such outlet"),
    DeclineReason.JOURNAL_FULL: _say("存储已满 暂停使用|存储已满", "Memory full, closed|Memory full"),
    DeclineReason.FAULT: _say("暂停使用 请联系管理员|暂停使用", "Out of order"),
    DeclineReason.LIMITS: _say("无法开始 请联系管理员|请联系管理员", "Cannot start, ask staff|Ask staff"),
    DeclineReason.CLOSED: _say("暂停服务", "Closed"),
}

REASONS: dict[StopReason, Phrase] = {
    StopReason.KEY: _say("已停止", "Stopped"),
    StopReason.COMMAND: _say("已停止", "Stopped"),
    StopReason.LIMIT: _say("已到限额", "Limit reached"),
    StopReason.IDLE: _say("长时间未用 已结束|久未用 已结束", "Ended: not in use|Ended: not used"),
    StopReason.POWER_LOSS: _say("断电 已结束", "Ended: power lost|Power was lost"),
    StopReason.FAULT: _say("故障 已停止", "Fault: stopped"),
}

FAULTS: dict[FaultCode, Phrase] = {
    FaultCode.FLOW_WHILE_SHUT: _say("阀门漏水", "Flow while shut"),
    FaultCode.VALVE_STUCK: _say("阀门故障", "Valve stuck"),
    FaultCode.METER_STUCK: _say("水表故障", "Meter stuck"),
    FaultCode.METER_BACKWARDS: _say("水表倒转", "Meter backwards"),
    FaultCode.LEAK: _say("漏水报警", "Leak"),
    FaultCode.JOURNAL: _say("存储故障", "Memory fault"),
    FaultCode.SENSOR: _say("传感器故障", "Sensor fault"),
    FaultCode.NO_LOAD: _say("设备未通电", "Draws no power"),
    FaultCode.OVERLOAD: _say("功率过载", "Overload"),
    FaultCode.STALL: _say("电机卡住", "Motor blocked"),
}
RELAY_FAULTS: dict[FaultCode, Phrase] = {
    FaultCode.FLOW_WHILE_SHUT: _say("断电失败", "Power while off"),
    FaultCode.VALVE_STUCK: _say("继电器故障", "Relay stuck"),
    FaultCode.METER_STUCK: _say("电表故障", "Meter counts nothing|Counts nothing"),
    FaultCode.METER_BACKWARDS: _say("电表倒转", "Meter runs backwards|Runs backwards"),
}
"""What the same codes mean where a relay is the valve."""


def every() -> list[Phrase]:
    """All of them."""
    return [
        *TEXTS.values(),
        *NOTES.values(),
        *PROVIDERS.values(),
        *DECLINED.values(),
        *REASONS.values(),
        *FAULTS.values(),
        *RELAY_FAULTS.values(),
    ]


def in_chinese(text: str) -> str:
    """What a display in Chinese shows where one in English shows `text`: for pictures of appliances."""
    for english, chinese in _LONGEST_FIRST:
        text = english.sub(chinese, text)
    return text


def _pairs() -> dict[str, str]:
    """English to Chinese; where one English form has two, the longer phrase's."""
    pairs: dict[str, str] = {}
    for at in range(MOST_FORMS):
        for phrase in every():
            if at < len(phrase.en):
                pairs.setdefault(phrase.en[at], phrase.zh[at])
    return pairs


_LONGEST_FIRST = [
    (re.compile(re.escape(english).replace(r"\{\}", r"(\d+)")), chinese.replace("{}", r"\1"))
    for english, chinese in sorted(_pairs().items(), key=lambda pair: (-len(pair[0]), pair))
]
