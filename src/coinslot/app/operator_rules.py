"""`coinslot operator rules`: what an operator asks of its customers, and gives them."""

from __future__ import annotations

import click
import msgspec

from coinslot.app.errors import Problem
from coinslot.app.operator_console import Desk, emit_one, options, run
from coinslot.fleet.operator_rules import OperatorRules, RealNameRule, find_rules, set_rules
from coinslot.fleet.store import find_operator
from coinslot.fleet.topup_rules import (
    TopupChanges,
    TopupRules,
    find_topup_rules,
    format_choice,
    parse_choice,
    set_topup_rules,
)
from coinslot.money import format_amount, parse_amount

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
        topups = await find_topup_rules(desk.connection, desk.operator.operator_id)
        return _shown(found, desk.operator.help_phone, topups, desk.operator.currency)

    emit_one(run(operator, work), as_json=as_json)


@rules.command(
    "set",
    epilog="Example: coinslot operator rules set --real-name before-first-use;"
    " coinslot operator rules set --topup 20 --topup 50+5 --topup 100+15 --topup-most 500",
)
@click.option(
    "--real-name",
    type=click.Choice(list(_WORDS)),
    help="Whether somebody reviews a customer's ID card before the first use.",
)
@click.option("--points-per-major", type=int, help="Points for each yuan (euro, …) paid, 0 for none.")
@click.option("--phone-trust-days", type=int, help="How long a phone number counts as its customer's.")
@click.option("--help-phone", help="Shown to customers beside every error; '' for none.")
@click.option(
    "--topup",
    "topups",
    multiple=True,
    metavar="AMOUNT[+BONUS]",
    help="An amount to top up with, and what it earns; name all of them, they replace those before.",
)
@click.option("--topup-least", metavar="AMOUNT", help="The least that may be topped up.")
@click.option("--topup-most", metavar="AMOUNT", help="The most that may be topped up at once.")
@click.option(
    "--topup-own/--no-topup-own", default=None, help="Whether customers may type an amount of their own."
)
@click.option(
    "--bonus-pause-days",
    type=int,
    help="For how long after a withdrawal no bonus is earned; 0 for not at all.",
)
@click.option(
    "--refund-alone-up-to",
    "refund_alone",
    help="What one member of staff may give back in a day without a second person, such as 50.00.",
)
@click.option(
    "--pause",
    "pause_s",
    type=int,
    metavar="SECONDS",
    help="For how long a user may pause a session, all its pauses together; 0 for not at all.",
)
@options
def rules_set(
    real_name: str | None,
    points_per_major: int | None,
    phone_trust_days: int | None,
    help_phone: str | None,
    topups: tuple[str, ...],
    topup_least: str | None,
    topup_most: str | None,
    topup_own: bool | None,
    bonus_pause_days: int | None,
    refund_alone: str | None,
    pause_s: int | None,
    operator: str | None,
    as_json: bool,
) -> None:
    """Change the rules that are named; the others stay as they are. Sessions and payments under way are untouched."""
    about_topups = (topup_least, topup_most, topup_own, bonus_pause_days)
    about_staff = (real_name, points_per_major, phone_trust_days, help_phone, refund_alone, pause_s)
    if not topups and all(choice is None for choice in (*about_staff, *about_topups)):
        raise Problem(
            "There is nothing to set", "Name a rule, such as --real-name before-first-use; see --help."
        )

    async def work(desk: Desk) -> dict[str, object]:
        own, currency = desk.operator.operator_id, desk.operator.currency
        changes = TopupChanges(
            choices=[parse_choice(text, currency) for text in topups] or None,
            least_minor=None if topup_least is None else parse_amount(topup_least, currency),
            most_minor=None if topup_most is None else parse_amount(topup_most, currency),
            own_amounts=topup_own,
            bonus_pause_days=bonus_pause_days,
        )
        # Both or neither: whoever is told of a mistake has changed nothing.
        async with desk.connection.transaction():
            found = await set_rules(
                desk.connection,
                own,
                real_name=None if real_name is None else _WORDS[real_name],
                points_per_major=points_per_major,
                phone_trust_days=phone_trust_days,
                help_phone=help_phone,
                refund_alone_minor=None if refund_alone is None else parse_amount(refund_alone, currency),
                pause_s=pause_s,
                by=desk.by,
            )
            after = await set_topup_rules(desk.connection, own, changes, by=desk.by)
        return _shown(found, (await find_operator(desk.connection, own)).help_phone, after, currency)

    emit_one(run(operator, work), as_json=as_json)


def _shown(found: OperatorRules, help_phone: str, topups: TopupRules, currency: str) -> dict[str, object]:
    rules = msgspec.structs.asdict(found)
    alone_minor: int = rules.pop("refund_alone_minor")
    return {
        **rules,
        "refund_alone_up_to": format_amount(alone_minor, currency),
        "help_phone": help_phone,
        "topups": " ".join(format_choice(choice, currency) for choice in topups.choices),
        "topup_least": format_amount(topups.least_minor, currency),
        "topup_most": format_amount(topups.most_minor, currency),
        "topup_own": topups.own_amounts,
        "bonus_pause_days": topups.bonus_pause_days,
    }
