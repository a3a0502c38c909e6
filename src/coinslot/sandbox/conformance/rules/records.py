"""The journal as the wire shows it: in order, one message in flight, again until acknowledged."""

from __future__ import annotations

import itertools

from coinslot.sandbox.conformance.player import Player
from coinslot.sandbox.conformance.rule import Broken, NotTried, Section, Weight
from coinslot.sandbox.conformance.using import Attempt, answer, answers, attempt, make_record
from coinslot.wire.messages import MAX_RECORDS, Ack, Lost, Records, Stop
from coinslot.wire.records import Declined, DeclineReason, Started, Stopped

SECTION = Section(2, "Records", "records")
MOST_USES = 400
"""Tried to fill a journal with: a board with a few dozen KiB is full by then."""


def _sent(player: Player, since: int) -> list[Records]:
    return [line.message for _, line in player.history.said(since) if isinstance(line.message, Records)]


async def _first_unacked(player: Player) -> tuple[Attempt, Records, int]:
    """A record that waits for its ack: (its command, the message that brought it, the place in the history)."""
    since = player.mark
    tried = await make_record(player)
    await answer(player, tried)
    return tried, _sent(player, since)[-1], player.mark


def _acknowledge(player: Player) -> None:
    known = [one.seq for one in player.history.records if one.epoch == player.clerk.epoch]
    player.clerk.acked[player.clerk.epoch] = max(known, default=0)
    player.say(Ack(link=player.link, epoch=player.clerk.epoch, seq=max(known, default=0)))


@SECTION.played("one-in-flight", "One `records` message is in flight at a time: the next waits for the ack.")
async def _one_in_flight(player: Player) -> None:
    with player.holding(acks=False):
        _, first, since = await _first_unacked(player)
        await make_record(player)
        await make_record(player)
        await player.ping()
        await player.pass_s(0.3)
        ahead = [one for one in _sent(player, since) if one.first_seq > first.first_seq]
        _acknowledge(player)
    if ahead:
        raise Broken(f"records from {ahead[0].first_seq} on were sent while {first.first_seq} had no ack")
    await player.fence()


@SECTION.played("resent", "Without an `ack`, records are sent again: from the same place, the same bytes.")
async def _resent(player: Player) -> None:
    with player.holding(acks=False):
        _, first, since = await _first_unacked(player)
        again = await player.message(
            Records, f"record {first.first_seq} again, since it had no ack", since, within_s=20
        )
        _acknowledge(player)
    if again.first_seq != first.first_seq or bytes(again.records[0]) != bytes(first.records[0]):
        raise Broken(
            f"record {first.first_seq} was sent again as record {again.first_seq} or with other bytes"
        )
    await player.fence()


@SECTION.played(
    "backoff",
    "Sending again waits longer each time, to at most 60 s, with a random part.",
    weight=Weight.SHOULD,
    long=True,
)
async def _backoff(player: Player) -> None:
    with player.holding(acks=False):
        _, _first, since = await _first_unacked(player)
        times = [player.now_s]
        for _ in range(3):
            await player.message(Records, "the same records once more", since, within_s=90)
            times.append(player.now_s)
            since = player.mark
        _acknowledge(player)
    gaps = [round(later - sooner, 1) for sooner, later in itertools.pairwise(times)]
    if gaps[0] < 0.5:
        raise Broken(f"sent again after {gaps[0]} s; no server can have answered over 2G by then")
    if gaps[-1] < gaps[0]:
        raise Broken(f"sent again after {gaps} s; each wait is to be longer than the one before")


@SECTION.played(
    "at-most-16", f"At most {MAX_RECORDS} records go into one message, in order; the rest follow the ack."
)
async def _at_most_16(player: Player) -> None:
    with player.holding(acks=False):
        _, first, since = await _first_unacked(player)
        made = [await make_record(player) for _ in range(MAX_RECORDS + 4)]
        hello = await player.ping()
        if hello.next_seq < first.first_seq + len(made):
            raise Broken(f"{len(made)} declined starts, and next_seq rose only to {hello.next_seq}")
        _acknowledge(player)
    await player.fence()
    for message in _sent(player, since):
        if len(message.records) > MAX_RECORDS:
            raise Broken(f"{len(message.records)} records in one message")
    for tried in made:
        await answer(player, tried)


@SECTION.played("ack-again", "An ack that comes twice, or for less than the one before, has no effect.")
async def _ack_again(player: Player) -> None:
    tried = await make_record(player)
    await answer(player, tried)
    await player.fence()
    acked = player.clerk.acked[player.clerk.epoch]
    since = player.mark
    for seq in (acked, acked, max(0, acked - 1), 0):
        player.say(Ack(link=player.link, epoch=player.clerk.epoch, seq=seq))
    await player.ping()
    await player.pass_s(0.1)
    if found := _sent(player, since):
        raise Broken(
            f"records from {found[0].first_seq} on were sent again after an ack that said nothing new"
        )


@SECTION.played(
    "ack-of-another-epoch", "An ack of another epoch is not believed: the record still is sent again."
)
async def _ack_of_another_epoch(player: Player) -> None:
    with player.holding(acks=False):
        _, first, since = await _first_unacked(player)
        player.say(Ack(link=player.link, epoch=player.id("ep"), seq=first.first_seq + 5))
        await player.ping()
        hello = await player.cut()
        await player.message(
            Records,
            f"record {first.first_seq} again on the next link",
            since,
            lambda one: one.first_seq <= first.first_seq and one.epoch == hello.epoch,
            within_s=20,
        )
        _acknowledge(player)
    await player.fence()


@SECTION.played(
    "unacked-on-next-link", "What was not acknowledged is sent on the next link, from `acked` + 1."
)
async def _unacked_on_next_link(player: Player) -> None:
    with player.holding(acks=False):
        _, first, _ = await _first_unacked(player)
        since = player.mark
        await player.cut()
        again = await player.message(Records, f"record {first.first_seq} on the next link", since)
        _acknowledge(player)
    if again.first_seq != first.first_seq:
        raise Broken(
            f"records from {again.first_seq} on; the welcome said that {first.first_seq - 1} was the last"
        )
    await player.fence()


@SECTION.played(
    "want", "`ack` with `want` is answered with the records from there on, the same bytes, or with `lost`."
)
async def _want(player: Player) -> None:
    for _ in range(2):
        await make_record(player)
    hello = await player.fence()
    for wanted in (hello.next_seq - 1, 1):
        since = player.mark
        epoch = player.clerk.epoch
        player.say(Ack(link=player.link, epoch=epoch, seq=player.clerk.acked[epoch], want=wanted))

        def answered(since: int = since) -> Records | Lost | None:
            for _, line in player.history.said(since):
                if isinstance(line.message, Records | Lost):
                    return line.message
            return None

        said: Records | Lost = await player.until(answered, f"record {wanted}, or `lost`")
        found = said.first_seq if isinstance(said, Records) else said.from_seq
        if found != wanted:
            raise Broken(f"asked for record {wanted}; the answer begins at {found}")
        if isinstance(said, Records):
            _same(player, said)
        await player.fence()


def _same(player: Player, message: Records) -> None:
    for seq, found in enumerate(message.records, message.first_seq):
        before = player.history.known(message.epoch, seq)
        if before is not None and before != bytes(found):
            raise Broken(f"record {seq} was {before[:120]!r} and now is {bytes(found)[:120]!r}")


@SECTION.played(
    "new-epoch",
    "`welcome` with `new_epoch`: a new epoch, hello again, and what was not acknowledged moves there from 1.",
)
async def _new_epoch(player: Player) -> None:
    with player.holding(acks=False):
        tried, _, _ = await _first_unacked(player)
        player.clerk.renew = True
        since = player.mark
        old = await player.cut()
        fresh = await player.until(
            lambda: next((h for _, _, h in player.history.hellos(since) if h.epoch != old.epoch), None),
            "a hello with another epoch",
        )
    if fresh.oldest_seq > 1:
        raise Broken(f"the new epoch begins at record {fresh.oldest_seq}; expected 1")
    moved = await player.until(
        lambda: next(
            (
                one
                for one in player.history.records
                if one.epoch == fresh.epoch
                and isinstance(one.record, Declined)
                and one.record.command == tried.command
            ),
            None,
        ),
        "the record that was not acknowledged, in the new epoch",
        20,
    )
    if moved.seq != 1:
        raise Broken(f"the one record that was not acknowledged became record {moved.seq}; expected 1")
    await player.fence()


@SECTION.played(
    "journal-full",
    "With the journal nearly full of what has no ack, new starts are declined, `journal_full`; the end of a use has room.",
    long=True,
)
async def _journal_full(player: Player) -> None:
    tried: list[Attempt] = []
    with player.holding(acks=False):
        before = (await player.ping()).next_seq
        for _ in range(MOST_USES):
            tried.append(attempt(player))
            player.say(tried[-1].start)
            player.say(Stop(link=player.link, session=tried[-1].session))
            now = (await player.ping()).next_seq
            if now < before + 2:
                break
            before = now
        else:
            raise NotTried(f"its journal holds more than {MOST_USES} uses")
    _acknowledge(player)
    await player.fence()
    found = [one.record for one in player.history.records if isinstance(one.record, Started | Stopped)]
    begun = {one.session for one in found if isinstance(one, Started)}
    ended = {one.session for one in found if isinstance(one, Stopped)}
    if begun - ended:
        raise Broken(f"{len(begun - ended)} uses without `stopped`: a full journal lost their end")
    for last in answers(player, tried[-1].command):
        if not isinstance(last.record, Declined) or last.record.reason is not DeclineReason.JOURNAL_FULL:
            raise Broken(f"the start that found no room was answered {type(last.record).__name__.lower()}")
    player.say((again := attempt(player)).start)
    if isinstance(await answer(player, again), Declined):
        raise Broken("with every record acknowledged, a good start is declined")
    player.say(Stop(link=player.link, session=again.session))
    await player.fence()
