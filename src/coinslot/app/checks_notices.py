"""The doctor's check of the ways to reach customers. It sends nothing."""

from __future__ import annotations

from collections.abc import Iterator

from coinslot.app.findings import Finding, ok, skipped, wrong
from coinslot.app.notifiers import half_set
from coinslot.app.settings import Settings

_CHECK = "messages"


def check_notices(settings: Settings) -> Iterator[Finding]:
    """Whether login codes and bills can leave: what is half set up is wrong, nothing at all is a choice."""
    problems = list(half_set(settings))
    for problem in problems:
        yield wrong(_CHECK, problem.message, problem.remedy)
    if problems:
        return
    if settings.sms is None and settings.smtp_host is None:
        yield skipped(_CHECK, "neither `sms` nor `smtp_host` is set: no login code and no bill can be sent")
    elif settings.sms is None:
        yield ok(_CHECK, f"by mail through {settings.smtp_host}; without `sms` no code reaches a phone")
    elif settings.aliyun_template_bill_zh is None and settings.aliyun_template_bill_en is None:
        yield ok(_CHECK, f"by SMS from {settings.sms.value}; no bills, `aliyun_template_bill_zh` is not set")
    else:
        yield ok(_CHECK, f"by SMS from {settings.sms.value}")
