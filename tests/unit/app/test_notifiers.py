"""Which ways to send the settings set up, and what is said when one is half set up."""

from __future__ import annotations

import pytest

from coinslot.app.checks_notices import check_notices
from coinslot.app.errors import Problem
from coinslot.app.findings import State
from coinslot.app.notifiers import half_set, notifier_of
from coinslot.app.settings import is_secret, load_settings
from coinslot.people.notices import LoginCodeNotice, NotSent, Recipient

ALIYUN = {
    "COINSLOT_SMS": "aliyun",
    "COINSLOT_ALIYUN_ACCESS_KEY_ID": "LTAI1",
    "COINSLOT_ALIYUN_ACCESS_KEY_SECRET": "hidden-secret",
    "COINSLOT_ALIYUN_SIGN_NAME": "北校区",
    "COINSLOT_ALIYUN_TEMPLATE_CODE_ZH": "SMS_1",
}
MAIL = {"COINSLOT_SMTP_HOST": "127.0.0.1", "COINSLOT_SMTP_FROM": "wash@example.org"}
WITH_LOGIN = {**MAIL, "COINSLOT_SMTP_USER": "wash", "COINSLOT_SMTP_PASSWORD": "short"}


@pytest.mark.parametrize(
    ("environment", "message", "remedy"),
    [
        (
            {"COINSLOT_SMS": "aliyun"},
            "aliyun_access_key_id, aliyun_access_key_secret, aliyun_sign_name",
            "leave",
        ),
        ({k: v for k, v in ALIYUN.items() if "SIGN" not in k}, "but aliyun_sign_name not set", "console"),
        (
            {"COINSLOT_ALIYUN_SIGN_NAME": "x"},
            "`aliyun_sign_name` is set, but `sms` is not",
            "`sms` to aliyun",
        ),
        ({"COINSLOT_SMTP_HOST": "mail"}, "`smtp_from` is no mail address", "`smtp_from`"),
        ({"COINSLOT_SMTP_FROM": "a@b"}, "`smtp_from` is set, but `smtp_host` is not", "both"),
        ({**MAIL, "COINSLOT_SMTP_USER": "wash"}, "go together", "both"),
        ({**MAIL, "COINSLOT_SMTP_PORT": "0"}, "`smtp_port` is 0", "587"),
    ],
)
def test_what_is_half_set_is_named_with_a_remedy(
    environment: dict[str, str], message: str, remedy: str
) -> None:
    settings = load_settings(environment)
    with pytest.raises(Problem) as caught:
        notifier_of(settings)
    assert message in caught.value.message
    assert remedy in caught.value.remedy
    [finding] = check_notices(settings)
    assert (finding.state, finding.detail, finding.remedy) == (
        State.WRONG,
        caught.value.message,
        caught.value.remedy,
    )


def test_both_ways_half_set_are_two_findings() -> None:
    settings = load_settings({"COINSLOT_SMS": "aliyun", "COINSLOT_SMTP_HOST": "mail"})
    assert [finding.state for finding in check_notices(settings)] == [State.WRONG, State.WRONG]


@pytest.mark.parametrize(
    ("environment", "state", "detail"),
    [
        ({}, State.SKIPPED, "neither `sms` nor `smtp_host` is set"),
        (ALIYUN, State.OK, "no bills, `aliyun_template_bill_zh` is not set"),
        ({**ALIYUN, "COINSLOT_ALIYUN_TEMPLATE_BILL_EN": "SMS_2"}, State.OK, "by SMS from aliyun"),
        (WITH_LOGIN, State.OK, "without `sms` no code reaches a phone"),
    ],
)
def test_what_is_whole_or_left_out_is_in_order(
    environment: dict[str, str], state: State, detail: str
) -> None:
    settings = load_settings(environment)
    assert list(half_set(settings)) == []
    [finding] = check_notices(settings)
    assert finding.state is state
    assert detail in finding.detail
    assert notifier_of(settings)


async def test_with_nothing_set_up_each_notice_is_refused_for_good() -> None:
    with pytest.raises(NotSent, match="no way to send is set up") as caught:
        await notifier_of(load_settings({})).send(
            Recipient(phone="+8613912345678"), LoginCodeNotice(operator_name="N", code="1", minutes=5)
        )
    assert not caught.value.again


def test_no_secret_of_a_provider_is_shown() -> None:
    settings = load_settings({**ALIYUN, **WITH_LOGIN})
    shown = f"{settings!r} {notifier_of(settings)!r} {list(check_notices(settings))}"
    assert "hidden-secret" not in shown
    assert is_secret("aliyun_access_key_secret")
    assert is_secret("smtp_password")
