"""The ledger without a database: the same rules and errors, for simulators."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime

from coinslot.ledger.accounts import AccountKind, parse_account
from coinslot.ledger.entries import MAX_MINOR, Entry, check, fingerprint
from coinslot.ledger.errors import AmountOutOfRange, CapExceeded, InsufficientFunds, KeyConflict, LedgerError
from coinslot.ledger.store import BalanceKey, Listed, Posted
from coinslot.wire.ids import OperatorId

DEFAULT_ARREARS_CAP_MINOR = 10_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class MemoryLedger:
    """Books of any number of operators. Not for threads: one owner calls it.

    `posted_at` is the epoch unless the caller passes its own moment: this class has no clock.
    """

    def __init__(self, arrears_cap_minor: int = DEFAULT_ARREARS_CAP_MINOR) -> None:
        self._cap_minor = arrears_cap_minor
        self._caps: dict[tuple[str, str], int] = {}
        self._listed: list[Listed] = []
        self._by_key: dict[tuple[str, str], tuple[int, bytes]] = {}
        self._net: dict[BalanceKey, int] = defaultdict(int)

    def post(self, batch: Sequence[Entry], posted_at: datetime = _EPOCH) -> list[Posted]:
        """As `store.post`: all or nothing, limits judged after the whole batch."""
        answers: list[Posted] = []
        fresh: dict[tuple[str, str], tuple[int, bytes]] = {}
        listed: list[Listed] = []
        change: dict[BalanceKey, int] = defaultdict(int)
        for entry in batch:
            check(entry)
            name = (entry.operator, entry.key)
            content = fingerprint(entry.kind, entry.session, entry.postings)
            known = self._by_key.get(name) or fresh.get(name)
            if known is not None:
                if known[1] != content:
                    raise KeyConflict(entry.key)
                answers.append(Posted(known[0], fresh=False))
                continue
            entry_id = len(self._listed) + len(listed) + 1
            fresh[name] = (entry_id, content)
            listed.append(Listed(entry_id, posted_at, entry))
            answers.append(Posted(entry_id, fresh=True))
            for posting in entry.postings:
                change[entry.operator, posting.account, posting.currency] += posting.amount_minor
        for key in sorted(change):
            self._judge(key, change[key])
        self._by_key.update(fresh)
        self._listed += listed
        for key, amount_minor in change.items():
            self._net[key] += amount_minor
        return answers

    def balance(self, operator: OperatorId, account: str, currency: str) -> int:
        """The balance in natural sign, minor units."""
        return self._net.get((operator, account, currency), 0) * parse_account(account).natural_sign

    def entries(
        self,
        operator: OperatorId,
        *,
        account: str | None = None,
        session: str | None = None,
        key: str | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> list[Listed]:
        """As `store.entries`."""
        found = (
            listed
            for listed in self._listed[after:]
            if listed.entry.operator == operator
            and (session is None or listed.entry.session == session)
            and (key is None or listed.entry.key == key)
            and (account is None or any(leg.account == account for leg in listed.entry.postings))
        )
        return [listed for listed, _ in zip(found, range(limit), strict=False)]

    def set_arrears_cap(self, operator: OperatorId, currency: str, cap_minor: int) -> None:
        """The most arrears one customer may run up from now on."""
        self._caps[operator, currency] = cap_minor

    def check_invariants(self) -> None:
        """Recompute everything from the entries. Raises `LedgerError` naming what does not fit."""
        net: dict[BalanceKey, int] = defaultdict(int)
        for listed in self._listed:
            check(listed.entry)
            for posting in listed.entry.postings:
                net[listed.entry.operator, posting.account, posting.currency] += posting.amount_minor
        if {k: v for k, v in net.items() if v} != {k: v for k, v in self._net.items() if v}:
            raise LedgerError("balances are not the sums of their postings")
        for (operator, account, _), amount_minor in net.items():
            kind = parse_account(account)
            if kind.limited and amount_minor * kind.natural_sign < 0:
                raise LedgerError(f"{operator}: {account} is below zero")

    def _judge(self, key: BalanceKey, change_minor: int) -> None:
        operator, account, currency = key
        kind = parse_account(account)
        if not kind.limited or not change_minor:
            return
        change_minor *= kind.natural_sign
        after_minor = self._net.get(key, 0) * kind.natural_sign + change_minor
        if max(abs(change_minor), after_minor) > MAX_MINOR:
            raise AmountOutOfRange(f"{account} leaves the 64-bit range")
        if after_minor < 0:
            raise InsufficientFunds(account, -after_minor)
        if kind is AccountKind.CUSTOMER_ARREARS and change_minor > 0:
            over_minor = after_minor - self._caps.get((operator, currency), self._cap_minor)
            if over_minor > 0:
                raise CapExceeded(account, over_minor)
