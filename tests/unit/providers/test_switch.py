"""Which way a notice takes, and what is said when none is left."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from coinslot.people.notices import Notice, NotSent, Recipient
from coinslot.providers.switch import NO_WAY, ByChannel
from tests.unit.providers.build import LIN, LOGIN


@dataclass
class Way:
    """Takes everything, or refuses everything."""

    name: str
    refusal: NotSent | None = None
    asked: int = 0

    async def send(self, to: Recipient, notice: Notice) -> str:
        """See `Notifier`."""
        self.asked += 1
        if self.refusal is not None:
            raise self.refusal
        return f"{self.name} 1"


async def test_sms_comes_first_then_wechat_then_mail() -> None:
    sms, wechat, mail = Way("sms"), Way("wechat"), Way("mail")
    everywhere = Recipient(phone="+1", mail="a@b", wechat_openid="o")
    assert await ByChannel(sms=sms, wechat=wechat, mail=mail).send(everywhere, LOGIN) == "sms 1"
    assert await ByChannel(wechat=wechat, mail=mail).send(everywhere, LOGIN) == "wechat 1"
    assert await ByChannel(sms=sms, wechat=wechat, mail=mail).send(Recipient(mail="a@b"), LOGIN) == "mail 1"
    assert (sms.asked, wechat.asked, mail.asked) == (1, 1, 1)


async def test_what_one_way_refuses_the_next_is_asked_to_take() -> None:
    sms = Way("sms", NotSent("blacklisted", again=False))
    assert await ByChannel(sms=sms, mail=Way("mail")).send(LIN, LOGIN) == "mail 1"
    assert sms.asked == 1


@pytest.mark.parametrize(("first", "second", "again"), [(True, False, True), (False, False, False)])
async def test_when_all_refuse_each_reason_is_told(first: bool, second: bool, again: bool) -> None:
    ways = ByChannel(
        sms=Way("sms", NotSent("busy", again=first)), mail=Way("mail", NotSent("full", again=second))
    )
    with pytest.raises(NotSent, match=r"^busy; full$") as caught:
        await ways.send(LIN, LOGIN)
    assert caught.value.again is again


async def test_without_a_way_or_an_address_nothing_is_tried_again() -> None:
    with pytest.raises(NotSent, match="no way to send is set up") as caught:
        await ByChannel().send(LIN, LOGIN)
    assert (caught.value.reason, caught.value.again) == (NO_WAY, False)
    with pytest.raises(NotSent, match="no address for any way") as caught:
        await ByChannel(sms=Way("sms")).send(Recipient(mail="a@b"), LOGIN)
    assert not caught.value.again
