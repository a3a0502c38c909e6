"""What an operator's customers may top up with, and what it adds: choices, limits, the bonus. Amounts are minor units."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from enum import StrEnum
from itertools import pairwise
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from coinslot.audit import Connection, write_audit
from coinslot.fields import FieldError, MissingError
from coinslot.money import MoneyError, exponent, format_amount, parse_amount
from coinslot.wire.ids import OperatorId

MOST_MINOR: Final = 10**9
"""No top-up is larger, whatever an operator sets."""
MOST_CHOICES: Final = 12
MOST_PAUSE_DAYS: Final = 366
_USUAL_MAJOR: Final = (10, 20, 50, 100)
_USUAL_MOST_MAJOR: Final = 1000
_USUAL_PAUSE_DAYS: Final = 30
_SMALL: Final = 100
"""Where there is no minor unit, a major one buys about as much as a hundredth elsewhere."""


class Choice(Struct, frozen=True, order=True):
    """An amount that is offered, and what it earns."""

    amount_minor: int
    bonus_minor: int = 0


class AmountFault(StrEnum):
    """Why an amount is not taken."""

    TOO_LITTLE = "too_little"
    TOO_MUCH = "too_much"
    NOT_OFFERED = "not_offered"
    """The operator takes the amounts it offers and no others."""


class AmountRefused(FieldError):
    """This amount cannot be topped up."""

    def __init__(self, fault: AmountFault, reason: str) -> None:
        super().__init__("amount_minor", reason)
        self.fault = fault


class TopupRules(Struct, frozen=True, kw_only=True):
    """One operator's."""

    choices: tuple[Choice, ...]
    """Ascending."""
    least_minor: int
    most_minor: int
    own_amounts: bool
    """Whether other amounts may be typed."""
    bonus_pause_days: int
    """After a withdrawal nothing earns a bonus for so long: else the same money could earn it again and again."""

    def bonus_of(self, amount_minor: int) -> int:
        """What an amount earns: as much as the largest choice that it reaches."""
        reached = [choice.bonus_minor for choice in self.choices if choice.amount_minor <= amount_minor]
        return reached[-1] if reached else 0

    def check_amount(self, amount_minor: int) -> None:
        """AmountRefused."""
        if amount_minor < self.least_minor:
            raise AmountRefused(AmountFault.TOO_LITTLE, f"must be at least {self.least_minor}")
        if amount_minor > self.most_minor:
            raise AmountRefused(AmountFault.TOO_MUCH, f"may be at most {self.most_minor}")
        offered = [choice.amount_minor for choice in self.choices]
        if not self.own_amounts and amount_minor not in offered:
            raise AmountRefused(
                AmountFault.NOT_OFFERED, f"must be one of {', '.join(map(str, offered))} at this operator"
            )

    @property
    def seal(self) -> str:
        """A short hash of what is promised: other promises have another one."""
        told = [f"{choice.amount_minor}+{choice.bonus_minor}" for choice in self.choices]
        told += [
            str(self.least_minor),
            str(self.most_minor),
            str(self.own_amounts),
            str(self.bonus_pause_days),
        ]
        return hashlib.sha256("\n".join(told).encode()).hexdigest()[:12]


def usual_rules(currency: str) -> TopupRules:
    """Those of an operator that has set none: round amounts, no bonus."""
    major = 10 ** exponent(currency) if exponent(currency) else _SMALL
    return TopupRules(
        choices=tuple(Choice(amount * major) for amount in _USUAL_MAJOR),
        least_minor=major,
        most_minor=_USUAL_MOST_MAJOR * major,
        own_amounts=True,
        bonus_pause_days=_USUAL_PAUSE_DAYS,
    )


def parse_choice(text: str, currency: str) -> Choice:
    """`50` or `50+5` in major units. FieldError."""
    amount, plus, bonus = text.replace(" ", "").partition("+")
    try:
        return Choice(parse_amount(amount, currency), parse_amount(bonus, currency) if plus else 0)
    except MoneyError as error:
        raise FieldError("topup", f"{error}; write an amount and what it earns, such as 50+5") from None


def format_choice(choice: Choice, currency: str) -> str:
    """As `parse_choice` reads it."""
    amount = format_amount(choice.amount_minor, currency)
    return f"{amount}+{format_amount(choice.bonus_minor, currency)}" if choice.bonus_minor else amount


def checked(rules: TopupRules, currency: str) -> TopupRules:
    """The rules with their choices in order. FieldError for what no operator can mean."""

    def money(amount_minor: int) -> str:
        return format_amount(amount_minor, currency)

    choices = tuple(sorted(rules.choices))
    if not 1 <= len(choices) <= MOST_CHOICES:
        raise FieldError("topup", f"name 1 to {MOST_CHOICES} amounts, not {len(choices)}")
    if rules.least_minor < 1:
        raise FieldError("topup_least", "must be above zero")
    if rules.most_minor > MOST_MINOR:
        raise FieldError("topup_most", f"may be at most {money(MOST_MINOR)}, not {money(rules.most_minor)}")
    if rules.least_minor > rules.most_minor:
        raise FieldError(
            "topup_least", f"is {money(rules.least_minor)}, above the most, {money(rules.most_minor)}"
        )
    if not 0 <= rules.bonus_pause_days <= MOST_PAUSE_DAYS:
        raise FieldError("bonus_pause_days", f"must be 0 to {MOST_PAUSE_DAYS}, not {rules.bonus_pause_days}")
    for choice in choices:
        if not rules.least_minor <= choice.amount_minor <= rules.most_minor:
            raise FieldError(
                "topup",
                f"{money(choice.amount_minor)} is not within {money(rules.least_minor)} to {money(rules.most_minor)};"
                " set --topup-least and --topup-most along",
            )
        if not 0 <= choice.bonus_minor <= choice.amount_minor:
            raise FieldError(
                "topup",
                f"{money(choice.amount_minor)} cannot earn {money(choice.bonus_minor)}: a bonus is 0 up to the amount",
            )
    for one, other in pairwise(choices):
        if one.amount_minor == other.amount_minor:
            raise FieldError("topup", f"{money(one.amount_minor)} is named twice")
        if other.bonus_minor < one.bonus_minor:
            raise FieldError(
                "topup", f"{money(other.amount_minor)} would earn less than {money(one.amount_minor)}"
            )
    return replace(rules, choices=choices)


_FIND: Final = """
    SELECT o.currency, t.amounts_minor, t.bonuses_minor, t.least_minor, t.most_minor, t.own_amounts, t.bonus_pause_days
    FROM operator o LEFT JOIN topup_rules t USING (operator_id) WHERE o.operator_id = $1
"""
_SET: Final = """
    INSERT INTO topup_rules AS t
        (operator_id, amounts_minor, bonuses_minor, least_minor, most_minor, own_amounts, bonus_pause_days)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (operator_id) DO UPDATE SET amounts_minor = $2, bonuses_minor = $3, least_minor = $4, most_minor = $5,
        own_amounts = $6, bonus_pause_days = $7
"""


class TopupChanges(Struct, frozen=True, kw_only=True):
    """What is to be set; None leaves it as it is."""

    choices: Sequence[Choice] | None = None
    least_minor: int | None = None
    most_minor: int | None = None
    own_amounts: bool | None = None
    bonus_pause_days: int | None = None

    @property
    def named(self) -> dict[str, object]:
        """Those that are given."""
        chosen: dict[str, object] = {
            "choices": None if self.choices is None else tuple(self.choices),
            "least_minor": self.least_minor,
            "most_minor": self.most_minor,
            "own_amounts": self.own_amounts,
            "bonus_pause_days": self.bonus_pause_days,
        }
        return {name: value for name, value in chosen.items() if value is not None}


async def find_topup_rules(connection: Connection, operator_id: OperatorId) -> TopupRules:
    """The rules in force. MissingError when there is no such operator."""
    return (await _find(connection, operator_id))[0]


async def set_topup_rules(
    connection: Connection, operator_id: OperatorId, changes: TopupChanges, *, by: str
) -> TopupRules:
    """Change the rules that are given and leave the others. They hold for payments opened from now on: what was opened
    before keeps the bonus that it was promised. FieldError, MissingError."""
    async with connection.transaction():
        # Two who change different rules at once take turns.
        await connection.fetch("SELECT FROM operator WHERE operator_id = $1 FOR NO KEY UPDATE", operator_id)
        before, currency = await _find(connection, operator_id)
        after = checked(replace(before, **changes.named), currency)
        if not changes.named:
            return after
        await connection.execute(
            _SET,
            operator_id,
            [choice.amount_minor for choice in after.choices],
            [choice.bonus_minor for choice in after.choices],
            after.least_minor,
            after.most_minor,
            after.own_amounts,
            after.bonus_pause_days,
        )
        offered = ",".join(format_choice(choice, currency) for choice in after.choices)
        said = " ".join(
            f"{name}={offered if name == 'choices' else getattr(after, name)}" for name in changes.named
        )
        await write_audit(
            connection, operator_id, by=by, action="operator.topup_rules", target=operator_id, detail=said
        )
    return after


async def _find(connection: Connection, operator_id: OperatorId) -> tuple[TopupRules, str]:
    row = await connection.fetchrow(_FIND, operator_id)
    if row is None:
        raise MissingError("operator", operator_id)
    if row["amounts_minor"] is None:
        return usual_rules(row["currency"]), row["currency"]
    rules = TopupRules(
        choices=tuple(map(Choice, row["amounts_minor"], row["bonuses_minor"])),
        least_minor=row["least_minor"],
        most_minor=row["most_minor"],
        own_amounts=row["own_amounts"],
        bonus_pause_days=row["bonus_pause_days"],
    )
    return rules, row["currency"]
