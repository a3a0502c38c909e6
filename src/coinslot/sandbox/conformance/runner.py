"""Runs rules on one terminal, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from coinslot.sandbox.conformance.history import Line
from coinslot.sandbox.conformance.player import Player
from coinslot.sandbox.conformance.report import Report, Result, Verdict, verdict
from coinslot.sandbox.conformance.rule import WANTING, Broken, NotTried, Play, Rule
from coinslot.sandbox.conformance.using import ready

FIRST_S = 600.0
"""For the first hello: somebody has to type an address into a board first."""
GIVE_UP = 3
"""Rules in a row before which the terminal did not come back: the rest cannot be tried."""


async def run(
    player: Player,
    rules: Sequence[Rule],
    tell: Callable[[Verdict], None] = lambda _verdict: None,
    *,
    first_s: float = FIRST_S,
) -> Report:
    """Wait for the first hello, try every rule, and judge the whole run. Broken when no terminal comes."""
    began_s = player.now_s
    hello = await player.new_link(0, first_s)
    verdicts: list[Verdict] = []
    away = 0
    for rule in rules:
        if rule.play is None:
            continue
        if away < GIVE_UP:
            one, came = await _try(player, rule, rule.play)
            away = 0 if came else away + 1
        else:
            one = verdict(rule, Result.SKIPPED, "the terminal is not there any more", (), 0.0)
        verdicts.append(one)
        tell(one)
    for rule in rules:
        if rule.judge is not None:
            verdicts.append(_judge(player, rule))
            tell(verdicts[-1])
    return Report(
        terminal=player.manner.terminal,
        firmware=hello.firmware,
        verdicts=verdicts,
        seconds=player.now_s - began_s,
    )


async def _try(player: Player, rule: Rule, play: Play) -> tuple[Verdict, bool]:
    """What came of it, and whether the terminal was there at all."""
    start_s = player.now_s
    try:
        await ready(player)
    except Broken as why:
        seen = player.history.lines[-6:]
        text = f"before the rule was tried, the terminal was not ready: {why}"
        return verdict(rule, Result.FAILED, text, seen, player.now_s - start_s), False
    since = player.mark
    result, text = Result.PASSED, ""
    try:
        _has_what_it_needs(player, rule)
        await play(player)
    except Broken as why:
        result, text = Result.FAILED, str(why)
    except NotTried as why:
        result, text = Result.SKIPPED, str(why)
    seen = player.history.lines[since:]
    return verdict(rule, result, text, _telling(seen), player.now_s - start_s), True


def _has_what_it_needs(player: Player, rule: Rule) -> None:
    lacking = sorted(rule.needs - player.stand.can)
    if lacking:
        raise NotTried("; ".join(WANTING[need] for need in lacking))


def _judge(player: Player, rule: Rule) -> Verdict:
    assert rule.judge is not None
    try:
        rule.judge(player.history)
    except Broken as why:
        return verdict(rule, Result.FAILED, str(why), (), 0.0)
    except NotTried as why:
        return verdict(rule, Result.SKIPPED, str(why), (), 0.0)
    return verdict(rule, Result.PASSED, "", (), 0.0)


def _telling(seen: Sequence[Line]) -> list[Line]:
    """Readings say nothing about most rules, and there are many."""
    return [line for line in seen if b'"type":"readings"' not in line.data[:30]]
