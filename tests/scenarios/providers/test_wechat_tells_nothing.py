"""What must not be told is not: keys, names, openids and payers' data are in no log line, no error, no shown value."""

from __future__ import annotations

import logging
import traceback
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from coinslot.payments.port import Channel, Forged, ProviderError
from coinslot.providers.wechat import WechatPay
from coinslot.sandbox.providers.switches import Failure
from tests.support.wechat import SHORT, World, keys_of, payment, refund, wechat_world

NUMBER = "Attempt0000000000000000000000001"
CANARY = "Wang-Canary-13800138000"

FAILURES = [
    *(Failure.SILENT_AFTER, Failure.CUT_AFTER, Failure.SERVER_ERROR, Failure.RATE_LIMIT, Failure.TAMPERED),
    *(Failure.UNSIGNED, Failure.UNKNOWN_SIGNER, Failure.REFUSED_UNSIGNED, Failure.REFUSED),
]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with wechat_world() as made:
        yield made


@pytest.fixture
async def provider(world: World) -> AsyncIterator[WechatPay]:
    made = WechatPay(keys_of(world), deadlines=SHORT)
    yield made
    made.close_connections()


def told_of(error: BaseException) -> str:
    """All that a log would hold of it, causes included."""
    return "".join(traceback.format_exception(error)) + repr(error) + repr(error.args)


async def test_no_error_and_no_log_line_holds_them(
    world: World, provider: WechatPay, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    openid = world.wechat.openids.default
    order = payment(NUMBER, world.door, subject=CANARY, channel=Channel.IN_APP, payer=openid)
    told: list[str] = []

    async def tries(work: object) -> None:
        try:
            await work  # type: ignore[misc]
        except ProviderError as error:
            told.append(told_of(error))

    for failure in FAILURES:
        for operation in ("create", "query", "refund", "openid"):
            world.switches.turn_on(failure, on=operation, times=1)
        await tries(provider.create(order))
        await tries(provider.query(NUMBER))
        await tries(provider.refund(refund("R1", NUMBER, world.door)))
        await tries(provider.openid_of(CANARY))
        world.switches.turn_off()
    await tries(provider.create(payment(NUMBER, world.door, channel=Channel.IN_APP, payer=CANARY)))
    await provider.create(order)
    world.switches.turn_on(Failure.NOTIFY_TAMPERED)
    world.wechat.pay(NUMBER)
    await world.clock.settled()
    [(headers, body)] = world.door.arrived
    with pytest.raises(Forged) as caught:
        provider.parse_notification(headers, body, datetime.now(UTC))
    told += [told_of(caught.value), repr(provider), repr(keys_of(world)), caplog.text]

    everything = "\n".join(told)
    account = world.account
    secrets = {
        "openid": openid,
        "subject or code": CANARY,
        "phone": "13800138000",
        "APIv3 key": account.apiv3_key,
        "app secret": account.app_secret,
        "signature": "Authorization: WECHATPAY2",
        "private key": "PRIVATE KEY",
        "public key": account.signing_key.pem().splitlines()[1],
    }
    assert len(told) > 30
    assert [name for name, secret in secrets.items() if secret in everything] == []


async def test_the_callers_values_are_not_written_into(world: World, provider: WechatPay) -> None:
    receivers = [
        {"type": "PERSONAL_OPENID", "account": "oX", "amount": 1, "description": "x", "name": CANARY}
    ]
    before = [dict(each) for each in receivers]
    with pytest.raises(Exception, match="HTTP 404"):
        await provider._call(
            200,
            provider._client.profitsharing_order,
            transaction_id="1",
            out_order_no="S1",
            unfreeze_unsplit=False,
            receivers=receivers,
        )
    assert receivers == before
