"""What notices say, by language: short, since an SMS is paid for by the 70 characters."""

from __future__ import annotations

from typing import assert_never

from coinslot.money import format_amount
from coinslot.people.notices import BillNotice, Language, LoginCodeNotice, Notice


def text_of(notice: Notice, language: Language) -> str:
    """The whole text of an SMS or a mail, in one line."""
    match notice:
        case LoginCodeNotice():
            return _login_code(notice, language)
        case BillNotice():
            return _bill(notice, language)
        case _:
            assert_never(notice)


def subject_of(notice: Notice, language: Language) -> str:
    """A mail's subject. It holds no code: subjects are shown on locked screens."""
    match notice, language:
        case LoginCodeNotice(), "zh":
            return f"{notice.operator_name} 验证码"
        case LoginCodeNotice(), _:
            return f"Your code for {notice.operator_name}"
        case BillNotice(), "zh":
            return f"{notice.operator_name} 账单"
        case BillNotice(), _:
            return f"Your bill from {notice.operator_name}"
        case _:
            raise AssertionError(f"no subject for {type(notice).__name__}")


def money_text(amount_minor: int, currency: str, language: Language) -> str:
    """125 minor units of CNY are 1.25元 to those who read Chinese, 1.25 CNY to others."""
    amount = format_amount(amount_minor, currency)
    return f"{amount}元" if (currency, language) == ("CNY", "zh") else f"{amount} {currency}"


def _login_code(notice: LoginCodeNotice, language: Language) -> str:
    name, code, minutes = notice.operator_name, notice.code, notice.minutes
    if language == "zh":
        return f"验证码 {code}，{minutes} 分钟内有效，用于登录{name}。请勿告诉任何人。"
    return f"{code} is your code for {name}, good for {minutes} minutes. Tell it to nobody."


def _bill(notice: BillNotice, language: Language) -> str:
    charged, released, owed = (
        money_text(amount_minor, notice.currency, language)
        for amount_minor in (notice.captured_minor, notice.released_minor, notice.owed_minor)
    )
    zh = language == "zh"
    if notice.owed_minor:
        said = f"欠费 {owed}" if zh else f"you owe {owed}"
    elif notice.released_minor:
        said = f"收费 {charged}，已退回 {released}" if zh else f"{charged} charged, {released} returned"
    else:
        said = f"收费 {charged}" if zh else f"{charged} charged"
    place = f"{notice.site} {notice.appliance}"
    text = f"{place} 使用结束：{said}。" if zh else f"{place} has ended: {said}."
    if notice.link:
        text += f"账单 {notice.link}" if zh else f" Bill: {notice.link}"
    return text
