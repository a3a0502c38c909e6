"""`coinslot operator rules`: what an operator asks of its customers, and gives them."""

from __future__ import annotations

import click
import msgspec

from coinslot.app.errors import Problem
from coinslot.app.operator_console import Desk, emit_one, options, run
from coinslot.fleet.operator_rules import OperatorRules, RealNameRule, find_rules, set_rules
from coinslot.fleet.store import find_operator

_WORDS = {rule.value.replace("_", "-"): rule for rule in RealNameRule}


@click.group("rules", epilog="Example: coinslot operator rules set --real-name before-first-use")
def rules() -> None:
    """What the operator asks of its customers, and gives them."""


@rules.command("show", epilog="Example: coinslot operator rules show")
@options
def rules_show(operator: str | None, as_json: bool) -> None:
    """The rules in force."""

    async def work(desk: Desk) -> dict[str, object]:
        found = await find_rules(desk.connection, desk.operator.operator_id)
        return _shown(found, desk.operator.help_phone)

    emit_one(run(operator, work), as_json=as_json)


@rules.command("set", epilog="Example: coinslot operator rules set --real-name before-first-use")
@click.option(
    "--real-name",
    type=click.Choice(list(_WORDS)),
    help="Whether somebody reviews a customer's ID card before the first use.",
)
@click.option("--points-per-major", type=int, help="Points for each yuan (euro, …) paid, 0 for none.")
@click.option("--phone-trust-days", type=int, help="How long a phone number counts as its customer's.")
@click.option("--help-phone", help="Shown to customers beside every error; '' for none.")
@options
def rules_set(
    real_name: str | None,
    points_per_major: int | None,
    phone_trust_days: int | None,
    help_phone: str | None,
    operator: str | None,
    as_json: bool,
) -> None:
    """Change the rules that are named; the others stay as they are. Sessions under way are untouched."""
    if (real_name, points_per_major, phone_trust_days, help_phone) == (None,) * 4:
        raise Problem(
            "There is nothing to set", "Name a rule, such as --real-name before-first-use; see --help."
        )

    async def work(desk: Desk) -> dict[str, object]:
        own = desk.operator.operator_id
        found = await set_rules(
            desk.connection,
            own,
            real_name=None if real_name is None else _WORDS[real_name],
            points_per_major=points_per_major,
            phone_trust_days=phone_trust_days,
            help_phone=help_phone,
            by=desk.by,
        )
        return _shown(found, (await find_operator(desk.connection, own)).help_phone)

    emit_one(run(operator, work), as_json=as_json)


def _shown(found: OperatorRules, help_phone: str) -> dict[str, object]:
    return {**msgspec.structs.asdict(found), "help_phone": help_phone}
