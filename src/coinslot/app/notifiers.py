"""The ways to reach customers that the settings set up."""

from __future__ import annotations

from collections.abc import Iterator

from coinslot.app.errors import Problem
from coinslot.app.settings import Settings, Sms
from coinslot.people.notices import Notifier
from coinslot.providers.acs3 import AccessKey
from coinslot.providers.aliyun_sms import AliyunSms, Templates
from coinslot.providers.mail import MailServer, SmtpMail
from coinslot.providers.switch import ByChannel

_ALIYUN = (
    "aliyun_access_key_id",
    "aliyun_access_key_secret",
    "aliyun_sign_name",
    "aliyun_template_code_zh",
)
_ALIYUN_MORE = ("aliyun_template_code_en", "aliyun_template_bill_zh", "aliyun_template_bill_en")
_SMTP_MORE = ("smtp_from", "smtp_user", "smtp_password")


def notifier_of(settings: Settings) -> Notifier:
    """What sends to customers; without any way it refuses each notice. Problem when one is half set up."""
    for problem in half_set(settings):
        raise problem
    return ByChannel(sms=_sms(settings), mail=_mail(settings))


def half_set(settings: Settings) -> Iterator[Problem]:
    """What is missing of the ways to send, one for each way at most."""
    yield from _half_sms(settings)
    yield from _half_mail(settings)


def _half_sms(settings: Settings) -> Iterator[Problem]:
    if settings.sms is None:
        idle = _set_among(settings, (*_ALIYUN, *_ALIYUN_MORE))
        if idle:
            yield Problem(f"`{idle[0]}` is set, but `sms` is not", "Set `sms` to aliyun, or leave both out.")
        return
    missing = [key for key in _ALIYUN if key not in _set_among(settings, _ALIYUN)]
    if missing:
        yield Problem(
            f"`sms` is {settings.sms.value}, but {', '.join(missing)} not set",
            "Set them as the provider's console shows them, or leave `sms` out.",
        )


def _half_mail(settings: Settings) -> Iterator[Problem]:
    if settings.smtp_host is None:
        idle = _set_among(settings, _SMTP_MORE)
        if idle:
            yield Problem(f"`{idle[0]}` is set, but `smtp_host` is not", "Set both or neither.")
    elif "@" not in (settings.smtp_from or ""):
        yield Problem(
            "`smtp_host` is set, but `smtp_from` is no mail address",
            "Set `smtp_from` to the address that mail shall come from.",
        )
    elif (settings.smtp_user is None) != (settings.smtp_password is None):
        yield Problem("`smtp_user` and `smtp_password` go together", "Set both or neither.")
    elif not 1 <= settings.smtp_port <= 65535:
        yield Problem(f"`smtp_port` is {settings.smtp_port}, which is no port", "587 and 465 are usual.")


def _set_among(settings: Settings, keys: tuple[str, ...]) -> list[str]:
    return [key for key in keys if getattr(settings, key) is not None]


def _sms(settings: Settings) -> Notifier | None:
    match settings.sms:
        case None:
            return None
        case Sms.ALIYUN:
            return AliyunSms(
                AccessKey(settings.aliyun_access_key_id or "", settings.aliyun_access_key_secret or ""),
                sign_name=settings.aliyun_sign_name or "",
                codes=Templates(zh=settings.aliyun_template_code_zh, en=settings.aliyun_template_code_en),
                bills=Templates(zh=settings.aliyun_template_bill_zh, en=settings.aliyun_template_bill_en),
            )


def _mail(settings: Settings) -> Notifier | None:
    if settings.smtp_host is None:
        return None
    return SmtpMail(
        MailServer(
            host=settings.smtp_host,
            port=settings.smtp_port,
            sender=settings.smtp_from or "",
            user=settings.smtp_user,
            password=settings.smtp_password,
        )
    )
