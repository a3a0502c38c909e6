"""Watching sessions over a real broker: what watchers see, what it costs, and that nothing is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from coinslot.engines.broker import BrokerAccess, EmbeddedBroker
from coinslot.engines.connect import Pool
from coinslot.link.clients import connect
from coinslot.sessions.states import State
from coinslot.web.live.board import LiveBoard
from coinslot.web.live.views import LiveView
from coinslot.wire import codec
from coinslot.wire.ids import TerminalId
from coinslot.wire.messages import Ack, Config, Configure, Stop
from coinslot.wire.registers import Register
from coinslot.wire.topics import Channel, subject
from tests.postgres.web.conftest import Api, House
from tests.support.engines import engine_folder
from tests.support.plant import eventually
from tests.support.using import ends, runs, says

PATIENCE_S = 15
Watcher = AsyncIterator[LiveView]


@pytest.fixture
async def board(pool: Pool, client: Client) -> AsyncIterator[LiveBoard]:
    """Forgets at once what nobody watches."""
    made = LiveBoard(pool, client, Config(readings_s=7), linger_s=0.0)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def session(api: Api, house: House) -> str:
    """One that runs, and has used half a litre by its last checkpoint."""
    made = str((await api.start(house)).json()["id"])
    await runs(api.pool, made, ml=500, after_s=10)
    return made


async def until(views: Watcher, wanted: Callable[[LiveView], bool]) -> LiveView:
    """The next view that is wanted."""
    async with asyncio.timeout(PATIENCE_S):
        async for view in views:
            if wanted(view):
                return view
    raise AssertionError("the views have ended")


async def nothing_left(board: LiveBoard) -> None:
    await eventually(lambda: (board.watched, board.subscriptions) == (0, 0), "an end of following")


def ml(view: LiveView) -> int:
    return view.usage.get(Register.ML, 0)


async def test_readings_become_litres_and_money(
    board: LiveBoard, client: Client, house: House, session: str
) -> None:
    terminal = house.terminals[0].terminal_id
    async with board.watch(house.operator, session) as views:
        first = await until(views, lambda _: True)
        assert (ml(first), first.at, first.state) == (500, None, State.RUNNING)
        await eventually(lambda: board.subscriptions == 2, "subscriptions")
        await says(client, terminal, session, ml=2_000, after_s=30)
        view = await until(views, lambda view: view.at is not None)
    assert (ml(view), view.charge_minor, view.hold_minor, view.duration_ms) == (2_000, 9, 500, 30_000)
    assert (view.flow_ml_per_min, view.valve_open, view.sensors["water_decic"]) == (9_000, True, 141)
    await nothing_left(board)


async def test_only_the_sessions_own_terminal_outlet_and_link_are_believed(
    board: LiveBoard, client: Client, house: House, session: str
) -> None:
    own, other = (one.terminal_id for one in house.terminals)
    async with board.watch(house.operator, session) as views:
        await until(views, lambda _: True)
        await eventually(lambda: board.subscriptions == 2, "subscriptions")
        await says(client, other, session, ml=9_000, after_s=60)
        await says(client, own, "ses_0000000000000000000000", ml=9_001, after_s=60)
        await says(client, own, session, ml=9_002, after_s=60, outlet=1)
        await client.publish(subject(own, Channel.UP), b'{"type":"readings","link":1}')
        await says(client, own, session, ml=1_000, after_s=20)
        view = await until(views, lambda view: view.at is not None)
    assert ml(view) == 1_000


async def test_a_reading_on_a_new_link_counts_once_the_database_knows_that_link(
    board: LiveBoard, api: Api, client: Client, house: House, session: str
) -> None:
    terminal = house.terminals[0].terminal_id
    async with board.watch(house.operator, session) as views:
        await until(views, lambda _: True)
        await eventually(lambda: board.subscriptions == 2, "subscriptions")
        await says(client, terminal, session, ml=1_500, after_s=25, link=2)
        assert (await until(views, lambda _: True)).at is None
        await api.pool.execute("UPDATE terminal_link SET link = 2 WHERE terminal_id = $1", terminal)
        await until(views, lambda view: ml(view) == 1_500)
        # The old link speaks again.
        await says(client, terminal, session, ml=1_900, after_s=40, link=1)
        await says(client, terminal, session, ml=1_600, after_s=27, link=2)
        assert ml(await until(views, lambda view: ml(view) != 1_500)) == 1_600


async def test_the_end_is_seen_at_once_when_the_terminal_is_answered(
    board: LiveBoard, api: Api, client: Client, house: House, session: str
) -> None:
    down = subject(house.terminals[0].terminal_id, Channel.DOWN)
    async with board.watch(house.operator, session) as views:
        await until(views, lambda _: True)
        await eventually(lambda: board.subscriptions == 2, "subscriptions")
        await ends(api.pool, session)
        await client.publish(down, codec.encode(Ack(link=1, epoch="epo_1", seq=3)))
        view = await until(views, lambda view: view.ended)
        assert view.state is State.SETTLED
        assert [one async for one in views] == []
    await nothing_left(board)


async def test_a_change_that_no_message_tells_of_is_seen_within_seconds(
    board: LiveBoard, api: Api, house: House, session: str
) -> None:
    async with board.watch(house.operator, session) as views:
        await until(views, lambda _: True)
        await api.pool.execute(
            "UPDATE terminal_link SET online = false WHERE terminal_id = $1", house.terminals[0].terminal_id
        )
        assert (await until(views, lambda view: not view.online)).state is State.RUNNING
        await ends(api.pool, session)
        assert (await until(views, lambda view: view.ended)).charge_minor == 9


async def test_fifty_watchers_share_one_subscription_and_one_wish(
    board: LiveBoard, api: Api, client: Client, house: House, session: str
) -> None:
    terminal = house.terminals[0].terminal_id
    wishes: list[Configure] = []

    async def note(message: Msg) -> None:
        said = codec.decode_down(message.data)
        if isinstance(said, Configure):
            wishes.append(said)

    await client.subscribe(subject(terminal, Channel.DOWN), cb=note)
    begun = asyncio.Semaphore(0)

    async def watch() -> int:
        async with board.watch(house.operator, session) as views:
            seen = await until(views, lambda _: True)
            begun.release()
            seen = await until(views, lambda view: ml(view) == 2_000)
            await until(views, lambda view: view.ended)
            return ml(seen)

    watchers = [asyncio.create_task(watch()) for _ in range(50)]
    for _ in watchers:
        await begun.acquire()
    await eventually(lambda: board.subscriptions == 2, "subscriptions")
    await eventually(lambda: bool(wishes), "the wish for quick readings")
    await says(client, terminal, session, ml=2_000, after_s=30)
    await eventually(lambda: board.watched == 1, "one session")
    await asyncio.gather(*(_looked(board, house, session) for _ in range(5)))
    await ends(api.pool, session)
    assert await asyncio.gather(*watchers) == [2_000] * 50
    [wish] = wishes
    assert wish.link == 1
    assert wish.watch_s >= 30
    assert wish.config == Config(readings_s=7), "what the terminal was welcomed with is left as it is"
    await nothing_left(board)


async def _looked(board: LiveBoard, house: House, session: str) -> None:
    assert await board.look(house.operator, session) is not None


async def test_a_slow_watcher_gets_the_newest_figure_and_none_before_it(
    board: LiveBoard, client: Client, house: House, session: str
) -> None:
    terminal = house.terminals[0].terminal_id
    async with board.watch(house.operator, session) as slow, board.watch(house.operator, session) as quick:
        await until(slow, lambda _: True)
        await until(quick, lambda _: True)
        await eventually(lambda: board.subscriptions == 2, "subscriptions")
        for step in range(1, 31):
            await says(client, terminal, session, ml=500 + step, after_s=10 + step)
        await until(quick, lambda view: ml(view) == 530)
        assert ml(await until(slow, lambda _: True)) == 530


async def test_watchers_that_are_cut_off_leave_nothing(board: LiveBoard, house: House, session: str) -> None:
    begun = asyncio.Semaphore(0)

    async def watch() -> None:
        async with board.watch(house.operator, session) as views:
            async for _ in views:
                begun.release()

    watchers = [asyncio.create_task(watch()) for _ in range(5)]
    for _ in watchers:
        await begun.acquire()
    for watcher in watchers:
        watcher.cancel()
    await asyncio.gather(*watchers, return_exceptions=True)
    await nothing_left(board)


async def test_the_boards_end_is_the_end_of_all_streams(board: LiveBoard, house: House, session: str) -> None:
    async with board.watch(house.operator, session) as views:
        await until(views, lambda _: True)
        await eventually(lambda: board.subscriptions == 2, "subscriptions")
        await board.stop()
        assert [one async for one in views] == []
    assert (board.watched, board.subscriptions) == (0, 0)


async def test_what_is_not_there_is_not_followed(
    board: LiveBoard, api: Api, house: House, session: str
) -> None:
    other = await api.house("South")
    for operator, wanted in (
        (house.operator, "ses_0000000000000000000000"),
        (other.operator, session),
        (house.operator, "'; --"),
    ):
        assert await board.look(operator, wanted) is None
        async with board.watch(operator, wanted) as views:
            assert [view async for view in views] == []
    await ends(api.pool, session)
    async with board.watch(house.operator, session) as views:
        [view] = [view async for view in views]
    assert view.ended
    assert (board.watched, board.subscriptions) == (0, 0)


async def test_who_only_asks_is_followed_for_a_while(
    pool: Pool, client: Client, house: House, session: str
) -> None:
    board = LiveBoard(pool, client, linger_s=60.0)
    await board.start()
    assert await board.look(house.operator, session) is not None
    await eventually(lambda: board.subscriptions == 2, "subscriptions")
    await says(client, house.terminals[0].terminal_id, session, ml=800, after_s=20)

    async def fresh() -> bool:
        view = await board.look(house.operator, session)
        return view is not None and ml(view) == 800

    await _comes_true(fresh)
    await board.stop()
    assert board.subscriptions == 0


async def test_a_stop_is_seen_by_whoever_asks_next(
    board: LiveBoard, api: Api, house: House, session: str
) -> None:
    async with board.watch(house.operator, session) as views:
        await until(views, lambda _: True)
        await api.pool.execute(
            "UPDATE session SET state = 'stopping', stop_asked_at = now() WHERE session_id = $1", session
        )
        view = await board.look(house.operator, session)
    assert view is not None
    assert view.state is State.STOPPING


async def test_what_another_process_has_heard_is_shown(
    board: LiveBoard, api: Api, house: House, session: str
) -> None:
    await api.pool.execute(
        "INSERT INTO reading (operator_id, terminal_id, outlet, at, ticks_ms, session_id, registers,"
        ' flow_ml_per_min, valve_open, sensors) VALUES ($1, $2, 0, now(), 72000, $3, \'{"ml": 5700, "s": 12}\','
        " 9000, true, '{\"water_decic\": 140}')",
        house.operator,
        house.terminals[0].terminal_id,
        session,
    )
    view = await board.look(house.operator, session)
    assert view is not None
    assert (ml(view), view.sensors) == (700, {"water_decic": 140})
    assert view.at is not None


async def test_a_broker_that_goes_and_comes_back_is_followed_again(
    pool: Pool, api: Api, house: House, session: str
) -> None:
    terminal = house.terminals[0].terminal_id
    with engine_folder() as folder, EmbeddedBroker(folder / "nats") as broker:
        client = await _connected(broker.access)
        board = LiveBoard(pool, client, linger_s=0.0)
        await board.start()
        async with board.watch(house.operator, session) as views:
            await until(views, lambda _: True)
            await eventually(lambda: board.subscriptions == 2, "subscriptions")
            broker.stop()
            await eventually(lambda: not client.is_connected, "the loss of the broker")
            # The database still tells of what changes.
            await api.pool.execute("UPDATE terminal_link SET online = false WHERE terminal_id = $1", terminal)
            await until(views, lambda view: not view.online)
            broker.ensure_running()
            await eventually(lambda: client.is_connected, "the broker")
            await api.pool.execute("UPDATE terminal_link SET online = true WHERE terminal_id = $1", terminal)
            await says(client, terminal, session, ml=3_000, after_s=40)
            assert (await until(views, lambda view: ml(view) == 3_000)).charge_minor == 14
        await nothing_left(board)
        await board.stop()
        await client.close()


async def test_a_meter_in_doubt_is_said_and_not_counted(
    board: LiveBoard, client: Client, house: House, session: str
) -> None:
    terminal = house.terminals[0].terminal_id
    async with board.watch(house.operator, session) as views:
        await until(views, lambda _: True)
        await eventually(lambda: board.subscriptions == 2, "subscriptions")
        await says(client, terminal, session, ml=800_000, after_s=12)
        view = await until(views, lambda view: view.doubted)
    assert (ml(view), view.charge_minor) == (500, 2)


async def test_a_row_that_cannot_be_read_spoils_no_others_view(
    board: LiveBoard, api: Api, house: House, session: str
) -> None:
    body = {"terminal": house.terminals[1].terminal_id, "customer": house.customers[1]}
    other = str((await api.start(house, "two", **body)).json()["id"])
    await runs(api.pool, other)
    async with board.watch(house.operator, session) as views, board.watch(house.operator, other) as others:
        await until(views, lambda _: True)
        await until(others, lambda _: True)
        await api.pool.execute("UPDATE session SET meter = '[]' WHERE session_id = $1", session)
        await api.pool.execute("UPDATE session SET stop_asked_at = now() WHERE session_id = $1", other)
        await until(others, lambda view: view.stop_asked)
        assert ml(await until(views, lambda _: True)) == 500
        await ends(api.pool, session)
        await until(views, lambda view: view.ended)


async def test_a_stop_command_asks_for_the_state(
    board: LiveBoard, api: Api, client: Client, house: House, session: str
) -> None:
    down = subject(TerminalId(house.terminals[0].terminal_id), Channel.DOWN)
    async with board.watch(house.operator, session) as views:
        await until(views, lambda _: True)
        await eventually(lambda: board.subscriptions == 2, "subscriptions")
        await api.pool.execute(
            "UPDATE session SET state = 'stopping', stop_asked_at = now() WHERE session_id = $1", session
        )
        await client.publish(down, codec.encode(Stop(link=1, session=session)))
        assert (await until(views, lambda view: view.stop_asked)).state is State.STOPPING


async def _connected(access: BrokerAccess) -> Client:
    return await connect(access.url, user=access.server_user, password=access.server_password, name="test")


async def _comes_true(question: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await question():
            pass
