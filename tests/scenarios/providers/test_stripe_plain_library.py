"""The unmodified client library, not our adapter, against the made-up provider."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import httpx
import pytest
import stripe

from coinslot.sandbox.providers.switches import Failure
from tests.support.stripe import World, stripe_world

ITEM = {
    "quantity": 2,
    "price_data": {"currency": "usd", "unit_amount": 150, "product_data": {"name": "Water"}},
}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with stripe_world() as made:
        yield made


def library(world: World, key: str = "") -> stripe.StripeClient:
    """As its manual says, but for where the provider is."""
    return stripe.StripeClient(key or world.account.secret_key, base_addresses={"api": world.server.url})


def session(client: stripe.StripeClient, number: str, **changes: object) -> stripe.checkout.Session:
    """A page for 3 dollars."""
    params = {
        "mode": "payment",
        "line_items": [ITEM],
        "success_url": "https://wash.example.org/done",
        "client_reference_id": number,
        "metadata": {"order": number},
        "expires_at": int(time.time()) + 1900,
        **changes,
    }
    return client.v1.checkout.sessions.create(params, {"idempotency_key": number})  # type: ignore[arg-type]


async def test_a_session_is_made_paid_told_read_and_refunded(world: World) -> None:
    client = library(world)
    made = await asyncio.to_thread(session, client, "A1")
    assert (made.status, made.payment_status, made.amount_total) == ("open", "unpaid", 300)
    again = await asyncio.to_thread(session, client, "A1")
    assert again.id == made.id
    assert again.last_response is not None
    assert again.last_response.headers["idempotent-replayed"] == "true"
    with pytest.raises(stripe.IdempotencyError):
        await asyncio.to_thread(session, client, "A1", metadata={})

    world.sandbox.pay("A1")
    await world.clock.settled()
    [(headers, body)] = world.door.arrived
    event = client.construct_event(body, headers["stripe-signature"], world.account.webhook_secret)
    assert event.type == "checkout.session.completed"
    assert event.data.object["id"] == made.id
    with pytest.raises(stripe.SignatureVerificationError):
        client.construct_event(body, headers["stripe-signature"], "whsec_other")

    read = await asyncio.to_thread(
        client.v1.checkout.sessions.retrieve, made.id, {"expand": ["payment_intent.latest_charge"]}
    )
    assert isinstance(read.payment_intent, stripe.PaymentIntent)
    assert isinstance(read.payment_intent.latest_charge, stripe.Charge)
    assert (read.payment_status, read.payment_intent.status) == ("paid", "succeeded")
    refund = await asyncio.to_thread(
        client.v1.refunds.create, {"payment_intent": read.payment_intent.id, "amount": 100}
    )
    assert refund.status == "pending"
    await world.clock.advance(5)
    assert (await asyncio.to_thread(client.v1.refunds.retrieve, refund.id)).status == "succeeded"
    moved = await asyncio.to_thread(client.v1.balance_transactions.list, {"expand": ["data.source"]})
    assert [(each.type, each.amount, each.fee, each.net) for each in moved] == [
        ("refund", -100, 0, -100),
        ("charge", 300, 38, 262),
    ]


async def test_lists_go_on_to_their_end(world: World) -> None:
    client = library(world)
    for index in range(7):
        await asyncio.to_thread(session, client, f"A{index}")

    def listed() -> list[str]:
        found = client.v1.checkout.sessions.list({"limit": 3, "created": {"gte": int(time.time()) - 60}})
        return [each.client_reference_id or "" for each in found.auto_paging_iter()]

    assert await asyncio.to_thread(listed) == [f"A{index}" for index in reversed(range(7))]
    none = await asyncio.to_thread(client.v1.checkout.sessions.list, {"created": {"lt": 1000}})
    assert list(none) == []


async def test_what_it_refuses_is_what_the_library_raises(world: World) -> None:
    client = library(world)
    for changes, code in (
        ({"payment_method_types": ["card"]}, "payment_method_types_no_longer_supported"),
        ({"expires_at": int(time.time()) + 60}, "parameter_invalid"),
        ({"colour": "red"}, "parameter_unknown"),
        ({"line_items": [{**ITEM, "quantity": 0}]}, "parameter_invalid_integer"),
        (
            {"line_items": [{**ITEM, "price_data": {**ITEM["price_data"], "unit_amount": 1}}]},
            "amount_too_small",
        ),  # type: ignore[dict-item]
    ):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            await asyncio.to_thread(session, client, "B1", **changes)  # type: ignore[arg-type]
        assert caught.value.code == code
    made = await asyncio.to_thread(session, client, "B1")
    await asyncio.to_thread(client.v1.checkout.sessions.expire, made.id)
    with pytest.raises(stripe.InvalidRequestError, match="Only open sessions"):
        await asyncio.to_thread(client.v1.checkout.sessions.expire, made.id)
    with pytest.raises(stripe.AuthenticationError):
        await asyncio.to_thread(library(world, "sk_test_wrong").v1.refunds.list)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await asyncio.to_thread(client.v1.refunds.retrieve, "re_nothing")
    assert caught.value.code == "resource_missing"
    world.switches.turn_on(Failure.RATE_LIMIT, times=1)
    with pytest.raises(stripe.RateLimitError):
        await asyncio.to_thread(client.v1.refunds.list)


async def test_a_key_is_answered_alike_for_a_day_errors_included(world: World) -> None:
    client = library(world)
    world.switches.turn_on(Failure.SERVER_ERROR, on="create", times=1)
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            await asyncio.to_thread(session, client, "C1", expires_at=None)
    assert world.sandbox.book.sessions() == ()
    await world.clock.advance(86_401)
    assert await asyncio.to_thread(session, client, "C1")


async def test_endpoints_are_set_up_as_in_the_dashboard(world: World) -> None:
    world.account.endpoints.clear()
    client = library(world)
    made = await asyncio.to_thread(
        client.v1.webhook_endpoints.create,
        {"url": world.door.url, "enabled_events": ["checkout.session.completed"]},
    )
    assert made.secret == world.account.webhook_secret
    async with httpx.AsyncClient(auth=(world.account.secret_key, ""), base_url=world.server.url) as shell:
        second = (
            await shell.post("/v1/webhook_endpoints", data={"url": world.door.url, "enabled_events[]": "*"})
        ).json()
        assert second["secret"] != made.secret
        listed = (await shell.get("/v1/webhook_endpoints")).json()["data"]
        assert [each["id"] for each in listed] == [second["id"], made.id]
        assert (await shell.get("/v1/account")).json()["id"] == world.account.id
        await asyncio.to_thread(session, client, "D1")
        world.sandbox.pay("D1")
        await world.clock.settled()
        assert len(world.door.arrived) == 3, "one endpoint wants one kind, the other every kind"
        assert (await shell.delete(f"/v1/webhook_endpoints/{second['id']}")).json()["deleted"] is True
        assert (await shell.delete(f"/v1/webhook_endpoints/{second['id']}")).status_code == 404
