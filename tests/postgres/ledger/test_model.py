"""PostgreSQL and MemoryLedger against each other and a plain dictionary, driven by random steps."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Coroutine
from typing import TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from coinslot.engines.connect import Connection, connect_login
from coinslot.ledger import store
from coinslot.ledger.entries import Entry
from coinslot.ledger.errors import LedgerError
from coinslot.ledger.memory import MemoryLedger
from coinslot.ledger.seals import seal
from coinslot.ledger.verify import verify
from tests.postgres.ledger.books import CNY, OP, raw
from tests.support.engines import create_database, drop_database

T = TypeVar("T")
ACCOUNTS = [
    "customer/c1/principal",
    "customer/c2/principal",
    "customer/c1/arrears",
    "hold/s1/principal",
    "operator/cash",
    "operator/revenue",
]
MOVES = st.tuples(
    st.sampled_from([f"k{n}" for n in range(40)]),
    st.sampled_from(ACCOUNTS),
    st.sampled_from(ACCOUNTS),
    st.sampled_from([1, 2, 300, 6000, 2**62]),
)


def moved(move: tuple[str, str, str, int]) -> Entry:
    key, debit, credit, amount_minor = move
    return raw(key, (debit, CNY, amount_minor), (credit, CNY, -amount_minor))


class Books(RuleBasedStateMachine):
    """One database for all examples; each begins by emptying it."""

    loop: asyncio.AbstractEventLoop
    connection: Connection

    def __init__(self) -> None:
        super().__init__()
        self.memory = MemoryLedger()
        self.net: dict[str, int] = defaultdict(int)
        self.keys: dict[str, tuple[str, str, str, int]] = {}
        self.run(self._empty())

    def run(self, work: Coroutine[object, object, T]) -> T:
        return self.loop.run_until_complete(work)

    @rule(moves=st.lists(MOVES, min_size=1, max_size=4))
    def post(self, moves: list[tuple[str, str, str, int]]) -> None:
        """Both ledgers agree on the outcome, and the dictionary on whether there is one."""
        batch = [moved(move) for move in moves]
        outcome: str | None = None
        answers: list[bool] = []
        try:
            answers = [answer.fresh for answer in self.memory.post(batch)]
        except LedgerError as refusal:
            outcome = type(refusal).__name__
        theirs: str | None = None
        try:
            posted = self.run(store.post(self.connection, batch))
            assert [answer.fresh for answer in posted] == answers
        except LedgerError as refusal:
            theirs = type(refusal).__name__
        # Which of several faults is found first may differ; that there is one may not.
        assert (outcome is None) == (theirs is None), (outcome, theirs)
        assert self._allowed(moves) == (outcome is None)

    @rule(at_most=st.integers(1, 5))
    def seal(self, at_most: int) -> None:
        """Sealing changes no balance."""
        self.run(seal(self.connection, OP, at_most))

    @invariant()
    def balances_agree(self) -> None:
        """All three."""
        for account in ACCOUNTS:
            sign = 1 if account in ("customer/c1/arrears", "operator/cash") else -1
            want = self.net[account] * sign
            assert self.memory.balance(OP, account, CNY) == want
            assert self.run(store.balance(self.connection, OP, account, CNY)) == want

    def teardown(self) -> None:
        """Recompute."""
        self.memory.check_invariants()
        assert self.run(verify(self.connection)).faults == ()

    def _allowed(self, moves: list[tuple[str, str, str, int]]) -> bool:
        net, keys, posted = defaultdict(int, self.net), dict(self.keys), set(self.keys)
        for move in moves:
            key, debit, credit, amount_minor = move
            known = keys.setdefault(key, move)
            if known != move:
                return False
            if key in posted:
                continue
            posted.add(key)
            net[debit] += amount_minor
            net[credit] -= amount_minor
        return self._settle(net, keys)

    def _settle(self, net: dict[str, int], keys: dict[str, tuple[str, str, str, int]]) -> bool:
        for account in ACCOUNTS[:4]:
            owed = net[account] if account.endswith("arrears") else -net[account]
            before = self.net[account] if account.endswith("arrears") else -self.net[account]
            if not 0 <= owed <= (10_000 if account.endswith("arrears") else 2**63 - 1):
                return False
            if abs(owed - before) >= 2**63:
                return False
        self.net, self.keys = defaultdict(int, net), keys
        return True

    async def _empty(self) -> None:
        await self.connection.execute(
            "RESET ROLE; ALTER TABLE ledger_entry DISABLE TRIGGER USER; ALTER TABLE ledger_posting DISABLE TRIGGER USER;"
            "ALTER TABLE ledger_seal DISABLE TRIGGER USER;"
            "TRUNCATE ledger_entry, ledger_posting, ledger_balance, ledger_pending, ledger_seal, ledger_rollup;"
            "ALTER TABLE ledger_entry ENABLE ALWAYS TRIGGER ledger_entry_arrived;"
            "ALTER TABLE ledger_posting ENABLE ALWAYS TRIGGER ledger_posting_arrived;"
            "ALTER TABLE ledger_entry ENABLE ALWAYS TRIGGER ledger_append_only;"
            "ALTER TABLE ledger_posting ENABLE ALWAYS TRIGGER ledger_append_only;"
            "ALTER TABLE ledger_seal ENABLE ALWAYS TRIGGER ledger_append_only; SET ROLE coinslot_app"
        )


def test_both_ledgers_follow_the_model(admin_url: str, template_name: str) -> None:
    Books.loop = asyncio.new_event_loop()
    url = Books.loop.run_until_complete(create_database(admin_url, template_name))
    Books.connection = Books.loop.run_until_complete(connect_login(url))
    try:
        run_state_machine_as_test(
            Books,
            settings=settings(
                max_examples=25,
                stateful_step_count=25,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                database=None,
            ),
        )
    finally:
        Books.connection.terminate()
        Books.loop.run_until_complete(drop_database(admin_url, url))
        Books.loop.close()
