"""The server is killed at each named point of a session's way; the session settles exactly once all the same."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import coinslot
from coinslot.engines.broker import BrokerAccess
from coinslot.engines.connect import Pool
from coinslot.settlement.points import POINTS
from tests.support.crashes import CRASHES, Crash, Way, live_through
from tests.support.guest_life import CRASHES as GUEST_CRASHES
from tests.support.offline_life import CRASHES as OFFLINE_CRASHES
from tests.support.payment_life import CRASHES as PAYMENT_CRASHES

SOURCE = Path(coinslot.__file__).parent


USUAL = frozenset(
    {
        *(
            f"{what}.{when}"
            for what in ("commit.start", "send.start", "commit.words")
            for when in ("before", "after")
        ),
        "commit.code.after",
    }
)
"""Between a finger and the ledger. The other points, and second passes of each, take the long form."""


def _each_point_once() -> list[object]:
    """Every point of the usual form the first time it is listed; all else takes the long one."""
    tried: set[str] = set()
    parameters: list[object] = []
    for crash in CRASHES:
        name = f"{crash.point}-{crash.nth}-{crash.way.name.lower()}"
        usual = crash.point in USUAL and crash.point not in tried
        marks = [] if usual else [pytest.mark.long]
        parameters.append(pytest.param(crash, id=name, marks=marks))
        tried.add(crash.point)
    return parameters


@pytest.mark.parametrize("crash", _each_point_once())
async def test_a_server_killed_at(
    crash: Crash, database_url: str, pool: Pool, broker: BrokerAccess, tmp_path: Path
) -> None:
    assert await live_through(crash, database_url, pool, broker, tmp_path) == []


def test_every_point_is_tried() -> None:
    """Those on a payment's way by tests/postgres/payments/test_crashes.py, a guest's by direct/test_killed.py, those of
    codes without a link by offline/test_killed.py."""
    elsewhere = [*PAYMENT_CRASHES, *GUEST_CRASHES, *OFFLINE_CRASHES]
    assert {crash.point for crash in CRASHES} | set(elsewhere) == set(POINTS)
    assert not {crash.point for crash in CRASHES} & set(elsewhere)


# What writes outside the points, and why no session can be hurt by it: one statement each, committed by itself.
NOT_ON_A_SESSIONS_WAY = {
    ("link/presence.py", "execute"),  # who is connected: corrected by the next hello
    ("link/telemetry.py", "execute"),  # readings: not durable by design
    ("link/sweeper.py", "execute"),  # an empty partition for next month
    ("settlement/reconcile.py", "transaction"),  # a snapshot to read
    ("settlement/statements.py", "transaction"),  # likewise
    ("settlement/erasure.py", "transaction"),  # a person is forgotten, who has no session under way
    ("settlement/payments/merchants.py", "transaction"),  # an account is noted, by a person
    ("settlement/reports.py", "transaction"),  # what a customer says of a bill, for a person to read
    ("settlement/fapiao/asking.py", "transaction"),  # what is to stand on an invoice, for a person to issue
    ("settlement/fapiao/exporting.py", "transaction"),  # likewise, handed over
    ("settlement/fapiao/issuing.py", "transaction"),  # likewise, its number
    ("settlement/importing/bringing.py", "transaction"),  # customers who are not there yet, all or nothing
    ("settlement/flushing.py", "transaction"),  # what a technician asks for: without a start it does nothing
    ("settlement/messages.py", "execute"),  # what became of a message: another look finds it due again
}
PASSES_POINTS = {
    ("settlement/store.py", "transaction"),
    ("settlement/aftermath.py", "transaction"),
    ("link/sweeper.py", "transaction"),
    ("link/outgoing.py", "publish"),
    ("settlement/payments/unit.py", "transaction"),
}
# These are given a connection on which the store has begun a transaction.
ONLY_INSIDE_A_TRANSACTION = {
    ("settlement/saving.py", "execute"),
    ("settlement/importing/bringing.py", "execute"),
    ("settlement/store.py", "execute"),
    ("settlement/start_views.py", "execute"),
    ("settlement/aftermath.py", "execute"),
    ("settlement/reports.py", "execute"),
    ("settlement/payments/applying.py", "execute"),
    ("settlement/payments/applying.py", "transaction"),  # a savepoint
    ("settlement/payments/crediting.py", "execute"),
    ("settlement/payments/direct_rows.py", "execute"),
    ("settlement/payments/inbox.py", "execute"),
    ("settlement/payments/rests.py", "execute"),
    ("settlement/payments/beginning.py", "execute"),
    ("settlement/payments/bill_rows.py", "execute"),
    ("settlement/payments/rows.py", "execute"),
    ("settlement/codes/aging.py", "execute"),  # of an hourly look; each statement stands for itself
    ("settlement/codes/beginning.py", "execute"),
    ("settlement/codes/guard.py", "execute"),
    ("settlement/codes/issuing.py", "execute"),
    ("settlement/codes/judging.py", "execute"),
    ("settlement/codes/kept.py", "execute"),
    ("settlement/codes/rows.py", "execute"),
    ("settlement/offline/ending.py", "execute"),
    ("settlement/offline/rows.py", "execute"),
}
NOT_TO_TERMINALS = {
    ("link/nodes.py", "publish"),  # questions to the broker's nodes
    ("link/kick.py", "request"),
    ("link/auth.py", "respond"),
}
WRITES = {
    *("transaction", "execute", "executemany", "copy_records_to_table"),
    *("publish", "request", "respond", "respond_msg"),
}


def _calls(folder: str) -> Iterator[tuple[str, str, ast.Call]]:
    for path in sorted((SOURCE / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                yield path.relative_to(SOURCE).as_posix(), node.func.attr, node


def test_nothing_commits_and_nothing_is_sent_elsewhere() -> None:
    found = {
        (path, name)
        for folder in ("settlement", "link")
        for path, name, call in _calls(folder)
        if name in WRITES and not _is_books(call)
    }
    allowed = PASSES_POINTS | NOT_ON_A_SESSIONS_WAY | ONLY_INSIDE_A_TRANSACTION | NOT_TO_TERMINALS
    assert found == allowed


# What a provider is asked for, wherever it is done: only `ask` may await the answer.
ASKED = {"create", "query", "close", "refund", "query_refund", "download_bill"}


def test_no_provider_is_asked_anything_but_through_the_points() -> None:
    found = []
    for path in sorted((SOURCE / "settlement" / "payments").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        within = {
            id(inner)
            for call in ast.walk(tree)
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "ask"
            for inner in ast.walk(call)
        }
        found += [
            f"{path.name}:{node.lineno}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ASKED
            and ast.unparse(node.func.value) == "provider"
            and id(node) not in within
        ]
    assert found == []


def _is_books(call: ast.Call) -> bool:
    """`books.transaction(Purpose.X)`: the one way through the store's points."""
    return any(
        isinstance(argument, ast.Attribute) and getattr(argument.value, "id", "") == "Purpose"
        for argument in call.args
    )


@pytest.mark.parametrize(("path", "name"), sorted(PASSES_POINTS))
def test_what_commits_or_sends_passes_a_point_before_and_after(path: str, name: str) -> None:
    source = (SOURCE / path).read_text(encoding="utf-8")
    functions = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef)
        and any(
            isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == name
            for call in ast.walk(node)
        )
    ]
    assert functions
    for function in functions:
        text = ast.unparse(function)
        assert ".before')" in text
        assert ".after')" in text or ".after')" in text.replace("'):", "')")


def test_every_kind_of_message_that_is_made_has_a_point() -> None:
    """A message that the server builds, by its class's name, is one of those that `send` has names for. Menus, terms,
    burns and updates are told at every hello until they are answered: whether one of them went does not matter."""
    kinds = {"Welcome", "Ack", "Start", "Stop", "Show", "Configure", "Ping"}
    made = {
        node.func.id.lower()
        for folder in ("settlement", "link")
        for path in (SOURCE / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in kinds
    }
    assert {f"send.{kind}.{when}" for kind in made for when in ("before", "after")} == {
        point for point in POINTS if point.startswith("send.")
    }


@pytest.mark.long
@pytest.mark.parametrize("way", [Way.KEY, Way.STOP])
async def test_over_engines_elsewhere_the_loop_runs_without_any_crash(
    way: Way, database_url: str, pool: Pool, broker: BrokerAccess, tmp_path: Path
) -> None:
    assert await live_through(Crash("", way), database_url, pool, broker, tmp_path) == []
