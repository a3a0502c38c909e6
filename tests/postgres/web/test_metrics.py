"""What `/metrics` tells, to whom, and how seldom it asks the database."""

from __future__ import annotations

import httpx

from coinslot.app.seed import make_fleet
from coinslot.app.settings import Role
from coinslot.app.stack import Stack, StackOptions
from coinslot.engines.broker import BrokerAccess
from coinslot.fleet.store import create_operator
from coinslot.settlement.requests import StartRequest
from coinslot.web.metrics import Metrics, Sources
from coinslot.web.streams import Streams
from coinslot.wire.ids import CustomerId

TOKEN = "t" * 20
FORWARDED = {"X-Forwarded-For": "127.0.0.1"}
PHONE = "13800138000"


async def figures(stack: Stack, headers: dict[str, str] | None = None) -> dict[str, float]:
    async with httpx.AsyncClient(base_url=stack.http_url) as http:
        answer = await http.get("/metrics", headers=headers or {})
    assert answer.status_code == 200, answer.text
    lines = [line.rpartition(" ") for line in answer.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


async def test_requests_starts_and_what_waits_are_counted_without_a_name(
    database_url: str, broker: BrokerAccess
) -> None:
    async with Stack(database_url, broker) as stack, httpx.AsyncClient(base_url=stack.http_url) as http:
        async with stack.pool.acquire() as connection:
            own = (
                await create_operator(
                    connection, name="N", currency="CNY", timezone="Asia/Shanghai", by="test"
                )
            ).operator_id
            (terminal,) = await make_fleet(connection, own, terminals=1)
        await http.get(f"/api/v1/sessions/{PHONE}?phone={PHONE}")
        await http.get(f"/{PHONE}")
        await http.request(PHONE, f"/{PHONE}")
        request = StartRequest(
            operator=own,
            customer=CustomerId("cus_nobody"),
            terminal=terminal.terminal_id,
            outlet=0,
            key="k",
        )
        await stack.starter.start(request)
        found = await figures(stack)
    by_route = 'coinslot_http_requests_total{method="GET",route="/api/v1/sessions/{session_id}",status="4xx"}'
    assert found[by_route] == 1
    assert found['coinslot_http_requests_total{method="GET",route="unmatched",status="4xx"}'] == 1
    assert found["coinslot_database_up"] == 1
    assert found['coinslot_sessions_live{state="running"}'] == 0
    assert found["coinslot_streams_open"] == 0
    assert found["coinslot_http_connections_open"] >= 1
    assert found['coinslot_start_batch_bucket{le="1.0"}'] == 1
    assert sum(value for name, value in found.items() if name.startswith("coinslot_starts_total")) == 1
    assert "coinslot_link_messages_total" in found
    assert any(name.startswith("coinslot_process_") for name in found)
    for word in (PHONE, own, terminal.terminal_id, "cus_nobody"):
        assert not any(word in name for name in found)


async def test_a_process_without_the_link_says_nothing_of_it(database_url: str, broker: BrokerAccess) -> None:
    async with Stack(database_url, broker, {Role.WEB}) as stack:
        assert "coinslot_link_messages_total" not in await figures(stack)


async def test_only_private_addresses_or_the_token_open_it(database_url: str, broker: BrokerAccess) -> None:
    async with (
        Stack(database_url, broker, {Role.WEB}) as stack,
        httpx.AsyncClient(base_url=stack.http_url) as http,
    ):
        assert (await http.get("/metrics")).status_code == 200
        # A proxy that nobody named brings the whole world to us from its own, private, address.
        assert (await http.get("/metrics", headers=FORWARDED)).status_code == 404
    options = StackOptions(metrics_token=TOKEN)
    async with (
        Stack(database_url, broker, {Role.WEB}, options) as stack,
        httpx.AsyncClient(base_url=stack.http_url) as http,
    ):
        for shown in ({}, {"Authorization": f"Bearer {TOKEN}x"}, {"Authorization": TOKEN}):
            assert (await http.get("/metrics", headers=shown)).status_code == 404
        token = {"Authorization": f"Bearer {TOKEN}"}
        assert (await http.get("/metrics", headers=token | FORWARDED)).status_code == 200
    options = StackOptions(trusted_proxies=("127.0.0.1",))
    async with (
        Stack(database_url, broker, {Role.WEB}, options) as stack,
        httpx.AsyncClient(base_url=stack.http_url) as http,
    ):
        for address, status in (("8.8.8.8", 404), ("10.1.2.3", 200), ("nonsense", 404), ("127.0.0.1", 404)):
            assert (await http.get("/metrics", headers={"X-Forwarded-For": address})).status_code == status, (
                address
            )


class Quiet:
    """Nobody has started anything."""

    outcomes: dict[str, int] = {}  # noqa: RUF012
    sizes: dict[int, int] = {}  # noqa: RUF012


async def test_the_database_is_asked_at_most_every_five_seconds(
    database_url: str, broker: BrokerAccess
) -> None:
    now_s = 0.0
    async with Stack(database_url, broker, {Role.SWEEP}) as stack:
        sources = Sources(streams=Streams(), starts=Quiet(), link=None)
        metrics = Metrics(stack.pool, sources, clock=lambda: now_s)
        assert b"coinslot_database_up 1.0" in await metrics.text()
        await stack.pool.close()
        now_s = 4.9
        assert b"coinslot_database_up 1.0" in await metrics.text()
        now_s = 5.1
        text = await metrics.text()
        assert b"coinslot_database_up 0.0" in text
        assert b"coinslot_sessions_live" not in text
        assert b"coinslot_terminals_online" not in text


async def test_browsers_are_held_to_https_where_that_is_the_address(
    database_url: str, broker: BrokerAccess
) -> None:
    for public_url, held in (("", None), ("https://wash.example.org", "max-age=31536000")):
        options = StackOptions(public_url=public_url)
        async with (
            Stack(database_url, broker, {Role.WEB}, options) as stack,
            httpx.AsyncClient(base_url=stack.http_url) as http,
        ):
            for path in ("/healthz", "/nowhere", "/api/v1/sessions"):
                answer = await http.get(path)
                assert answer.headers.get("strict-transport-security") == held
                assert answer.headers["x-content-type-options"] == "nosniff"
                assert answer.headers["cache-control"] == "no-store"
