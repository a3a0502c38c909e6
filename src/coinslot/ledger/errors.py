"""What the ledger refuses, as exceptions that carry the facts."""

from __future__ import annotations


class LedgerError(Exception):
    """Base of every refusal. Nothing of the batch was posted; the transaction is lost."""


class InsufficientFunds(LedgerError):
    """A limited account would fall below zero by `short_minor`."""

    def __init__(self, account: str, short_minor: int) -> None:
        super().__init__(f"{account} is short of {short_minor} minor units")
        self.account = account
        self.short_minor = short_minor


class CapExceeded(LedgerError):
    """Arrears would pass the operator's cap by `over_minor`."""

    def __init__(self, account: str, over_minor: int) -> None:
        super().__init__(f"{account} would pass its cap by {over_minor} minor units")
        self.account = account
        self.over_minor = over_minor


class KeyConflict(LedgerError):
    """The key was used before, for other content."""

    def __init__(self, key: str) -> None:
        super().__init__(f"key {key} was used for other content")
        self.key = key


class InvalidEntry(LedgerError):
    """An entry that no ledger could hold: a malformed key, kind, currency or operator."""


class Unbalanced(InvalidEntry):
    """An entry does not sum to zero per currency, or its postings are not all there."""


class UnknownAccount(InvalidEntry):
    """A path that is none of the shapes in `accounts`, or not for this currency."""


class AmountOutOfRange(InvalidEntry):
    """An amount is zero, or it or a balance leaves the signed 64-bit range."""


class AppendOnly(LedgerError):
    """Somebody tried to change or remove what was posted."""


class OverRefund(InvalidEntry):
    """More was to be refunded than is left of a session's charge."""

    def __init__(self, session: str, wanted_minor: int, left_minor: int) -> None:
        super().__init__(f"{session}: cannot refund {wanted_minor} of the {left_minor} minor units left")
        self.session = session
        self.wanted_minor = wanted_minor
        self.left_minor = left_minor
