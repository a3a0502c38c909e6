"""Codes without a link: each opens once or never, whatever is lost between two actions."""

from __future__ import annotations

from contextlib import suppress

import pytest
from msgspec import Raw
from msgspec.structs import replace

from coinslot.access import offline
from coinslot.access.offline import make_code
from coinslot.terminal.events import Boot, BytesReceived, KeyPressed, LinkDown, SensorsRead, Shutdown, StopKey
from coinslot.terminal.kept import Kept
from coinslot.terminal.settings import OutletSettings, Settings
from coinslot.wire.messages import Burn, CodeEntered, Hello, Limits, Offline, Start, Stop, Welcome
from coinslot.wire.records import Burnt, Declined, DeclineReason, OfflineCredit, Started, Stopped, StopReason
from tests.unit.terminal.rig import SHOWER, PowerLostError, Rig, limits

KEY = "bc41ec9530f6dac86b1a29ab82edc5fb"
OTHER_KEY = "dac86b1a29ab82edc5fbbc41ec9530f6"
WITHIN = limits(ml=500, s=120)
TWO = replace(SHOWER, outlets=(OutletSettings(outlet=0), OutletSettings(outlet=1)))


def codes(key: str = KEY, first: int = 0) -> dict[int, str]:
    found, count = dict[int, str](), first
    for _ in range(8):
        digits, count = make_code(key, 123_456_789, 7, count)
        found[count] = digits
    return found


CODES = codes()


def terms(rig: Rig, **changes: object) -> Offline:
    wanted = Offline(
        link=rig.link,
        outlet=0,
        terms="trm_1",
        key=KEY,
        starting_code=123_456_789,
        value=7,
        credit_minor=500,
        currency="CNY",
        limits=WITHIN,
        quote=Raw(b'{"a":1}'),
    )
    return replace(wanted, **changes)


def ready(settings: Settings = SHOWER) -> Rig:
    """Terms held, the link down."""
    rig = Rig(settings).ready()
    rig.say(terms(rig))
    rig.feed(LinkDown(rig.link))
    return rig


def types(rig: Rig, digits: str, outlet: int = 0) -> None:
    for key in f"{digits}#":
        rig.feed(KeyPressed(outlet, key))


def restart(rig: Rig) -> Rig:
    rig.power_cycle()
    rig.meter(0)
    return rig


def tries(rig: Rig) -> int:
    guard = rig.durable().guards.get(0)
    return 0 if guard is None else len(guard.guard.wrong_ms)


def kinds(rig: Rig) -> list[str]:
    return [type(record).__name__ for record in rig.records()]


def start(rig: Rig, count: int, command: str = "cmd", token: int | None = None, session: str = "") -> None:
    rig.say(
        Start(
            link=rig.link,
            command=command,
            session=session or f"off_trm_1_{count}",
            outlet=0,
            limits=WITHIN,
            expires_at_ms=rig.core.link.link_ms + 15_000,
            token=count if token is None else token,
        )
    )


def burn(rig: Rig, count: int, session: str = "") -> None:
    rig.say(Burn(link=rig.link, outlet=0, session=session or f"off_trm_1_{count}", token=count))


# ---------------------------------------------------------------- what opens


def test_a_code_opens_without_a_link_under_the_terms_and_closes_at_their_limit() -> None:
    rig = ready()
    types(rig, CODES[2])
    credit, started = rig.records()
    assert isinstance(credit, OfflineCredit)
    assert (credit.session, credit.token_count, credit.limits_minor) == ("off_trm_1_2", 2, 500)
    assert isinstance(started, Started)
    assert (started.session, started.command) == ("off_trm_1_2", "off_trm_1_2")
    assert rig.durable().open["off_trm_1_2"].limits == WITHIN
    assert bytes(rig.durable().open["off_trm_1_2"].quote) == b'{"a":1}'
    rig.flow(6)
    assert rig.open == set()
    assert rig.of(Stopped)[0].reason is StopReason.LIMIT


def test_terms_are_held_once_the_hello_names_them_and_a_reboot_keeps_them() -> None:
    rig = Rig().ready()
    assert rig.last(Hello).offline == []
    rig.say(terms(rig))
    assert rig.last(Hello).offline == ["trm_1"]
    rig.power_cycle().link_up()
    assert rig.last(Hello).offline == ["trm_1"]
    rig.say(replace(terms(rig), key=""))
    assert rig.last(Hello).offline == []


def test_with_the_link_the_server_is_asked_and_nothing_is_judged_here() -> None:
    rig = Rig().ready()
    rig.say(terms(rig))
    types(rig, CODES[2])
    assert rig.last(CodeEntered).digits == CODES[2]
    assert rig.records() == []


def test_codes_open_in_any_order_and_none_twice_however_often_the_power_goes() -> None:
    rig = ready()
    for count in (16, 2, 8):
        types(rig, CODES[count])
        rig.feed(StopKey(0), 1_000)
        restart(rig)
    assert [one.token_count for one in rig.of(OfflineCredit)] == [16, 2, 8]
    for count in (16, 2, 8):
        types(rig, CODES[count])
    assert len(rig.of(OfflineCredit)) == 3
    assert tries(rig) == 3


# ---------------------------------------------------------------- what does not


def test_the_same_code_again_is_refused_after_a_reboot_a_rewrite_and_a_clock_set_back() -> None:
    rig = ready()
    types(rig, CODES[4])
    rig.feed(StopKey(0), 1_000)
    types(rig, CODES[4])
    rig.journal.rewrite(rig.core.kept.lines())
    restart(rig)
    types(rig, CODES[4])
    rig.core = type(rig.core)(SHOWER)
    rig.feed(Boot(lines=rig.journal.open().lines, seed="ep_past", wall_ms=1))
    rig.meter(0)
    types(rig, CODES[4])
    assert len(rig.of(OfflineCredit)) == len(rig.of(Started)) == 1
    assert tries(rig) == 3


def test_used_counts_survive_the_loss_of_every_acknowledged_record() -> None:
    rig = ready()
    types(rig, CODES[2])
    rig.feed(StopKey(0), 1_000)
    rig.link_up()
    rig.ack_all()
    for seq in list(rig.core.kept.records):
        rig.core.kept.forget(seq)
    rig.journal.rewrite(rig.core.kept.lines())
    restart(rig)
    assert rig.records() == []
    types(rig, CODES[2])
    assert rig.openings == ["off_trm_1_2"]


@pytest.mark.parametrize(
    "digits",
    [
        codes(OTHER_KEY)[2],
        make_code(KEY, 123_456_789, 8, 0)[0],
        make_code(KEY, 123_456_788, 7, 0)[0],
        make_code(KEY, 123_456_789, 7, 16)[0],
        "000000000",
    ],
    ids=["another terminal's key", "another value", "another start", "beyond the jump", "nothing"],
)
def test_what_is_no_code_of_these_terms_counts_as_a_try(digits: str) -> None:
    rig = ready()
    types(rig, digits)
    assert rig.records() == []
    assert tries(rig) == 1


def test_an_outlet_takes_no_codes_of_its_neighbour() -> None:
    rig = ready(TWO)
    rig.meter(0, outlet=1)
    types(rig, CODES[2], outlet=1)
    assert rig.records() == []
    rig.link_up()
    rig.say(terms(rig, outlet=1, terms="trm_2", key=OTHER_KEY))
    rig.feed(LinkDown(rig.link))
    types(rig, CODES[2], outlet=1)
    assert rig.records() == []
    types(rig, codes(OTHER_KEY)[2], outlet=1)
    assert rig.of(Started)[0].session == "off_trm_2_2"


@pytest.mark.parametrize("length", [4, 8, 10, 12])
def test_codes_of_other_lengths_wait_for_the_link_and_are_no_try(length: int) -> None:
    rig = ready()
    types(rig, "1" * length)
    assert (tries(rig), rig.records()) == (0, [])


def test_five_wrong_ones_lock_out_even_a_right_one_for_its_time() -> None:
    rig = ready()
    for _ in range(5):
        types(rig, "000000000")
    types(rig, CODES[2])
    restart(rig)
    types(rig, CODES[2])
    assert rig.records() == []
    rig.tick(60_000)
    types(rig, CODES[2])
    assert kinds(rig) == ["OfflineCredit", "Started"]


def test_what_hinders_a_start_burns_nothing_and_is_no_try() -> None:
    rig = ready()
    rig.feed(SensorsRead(0, {"leak": 1}))
    types(rig, CODES[2])
    rig.feed(SensorsRead(0, {"leak": 0}))
    rig.tick(600_000)
    assert not rig.of(OfflineCredit)
    rig.journal.rewrite(rig.core.kept.lines())
    rig.core.kept.file_bytes += 4 * 1024 * 1024  # as if the journal were full of what the server has not seen
    rig.core._scribe._journal_bytes = 1
    types(rig, CODES[2])
    assert not rig.of(OfflineCredit)
    restart(rig)
    rig.feed(Shutdown())
    types(rig, CODES[2])
    assert not rig.of(OfflineCredit)
    restart(rig)
    assert tries(rig) == 0
    assert rig.durable().tokens.gone("trm_1") == set()


def test_codes_of_former_terms_are_wrong_and_the_new_ones_count_by_themselves() -> None:
    rig = ready()
    types(rig, CODES[2])
    rig.feed(StopKey(0), 1_000)
    rig.link_up()
    rig.say(terms(rig, terms="trm_2", key=OTHER_KEY))
    rig.feed(LinkDown(rig.link))
    types(rig, CODES[4])
    assert tries(rig) == 1
    types(rig, codes(OTHER_KEY)[2])
    assert rig.of(Started)[-1].session == "off_trm_2_2"


@pytest.mark.parametrize(
    "changes",
    [
        {"limits": None},
        {"limits": Limits(ml=2**53 - 1, s=2**31 - 1, wh=1, count=1, idle_s=90)},
        {"credit_minor": 0},
        {"count": 2**40},
        {"terms": "t" * 40},
        {"outlet": 7},
    ],
)
def test_terms_that_could_not_be_kept_are_not_held(changes: dict[str, object]) -> None:
    rig = Rig().ready()
    rig.say(terms(rig, **changes))
    assert rig.core.kept.tokens.terms == {}
    rig.feed(LinkDown(rig.link))
    types(rig, CODES[2])
    assert (rig.records(), tries(rig)) == ([], 0)


def test_a_server_that_sends_the_same_terms_for_ever_is_not_answered_for_ever() -> None:
    rig = Rig().ready()
    rig.say(terms(rig))
    before = len(rig.messages(Hello))
    for _ in range(50):
        rig.say(terms(rig), 100)
    assert len(rig.messages(Hello)) == before + 1


def test_a_journal_that_may_have_lost_burnt_counts_takes_no_codes_until_new_terms_come() -> None:
    rig = ready()
    types(rig, CODES[2])
    rig.feed(StopKey(0), 1_000)
    place = bytes(rig.journal.durable).index(b"offline_credit")
    rig.journal.durable[place] ^= 1  # one bit on a worn card
    restart(rig)
    types(rig, CODES[2])
    types(rig, CODES[4])
    assert rig.openings == ["off_trm_1_2"]
    rig.link_up()
    assert rig.last(Hello).offline == []
    rig.say(Welcome(link=rig.link, now_ms=1, epoch=rig.epoch, acked=0))
    rig.say(terms(rig, terms="trm_2", key=OTHER_KEY))
    assert rig.last(Hello).offline == ["trm_2"]
    rig.say(Welcome(link=rig.link, now_ms=1, epoch=rig.epoch, acked=0, new_epoch=True))
    assert rig.last(Hello).offline == []


def test_a_start_that_cannot_be_read_burns_the_code_with_its_refusal() -> None:
    rig = Rig().ready()
    rig.say(terms(rig))
    data = b'{"type":"start","link":%d,"command":"cmd","session":"off_trm_1_2","outlet":0,"limits":{}}'
    rig.feed(BytesReceived(data % rig.link))
    assert rig.of(Declined)[0].reason is DeclineReason.LIMITS
    assert rig.durable().tokens.gone("trm_1") == {2}


def test_a_stopped_session_is_not_opened_by_its_code() -> None:
    rig = Rig().ready()
    rig.say(terms(rig))
    rig.say(Stop(link=rig.link, session="off_trm_1_2"))
    rig.feed(LinkDown(rig.link))
    types(rig, CODES[2])
    assert rig.records() == []


# ---------------------------------------------------------------- typed with a link


def test_a_start_under_a_code_burns_it() -> None:
    rig = Rig().ready()
    rig.say(terms(rig))
    start(rig, 2)
    rig.feed(StopKey(0), 1_000)
    rig.feed(LinkDown(rig.link))
    types(rig, CODES[2])
    assert kinds(rig) == ["Started", "Stopped"]


def test_a_start_that_is_declined_burns_it_too() -> None:
    rig = Rig().ready()
    rig.say(terms(rig))
    rig.start("other", "other-cmd")
    start(rig, 2)
    rig.feed(StopKey(0), 1_000)
    rig.feed(LinkDown(rig.link))
    types(rig, CODES[2])
    start(rig.link_up(), 2, "cmd-2")
    assert [(one.session, one.reason) for one in rig.of(Declined)] == [
        ("off_trm_1_2", DeclineReason.BUSY),
        ("off_trm_1_2", DeclineReason.STOPPED),
    ]
    assert rig.openings == ["other-cmd"]


def test_a_start_for_a_code_that_opened_without_the_link_is_declined() -> None:
    rig = ready()
    types(rig, CODES[2])
    start(rig.link_up(), 2)
    assert rig.of(Declined)[0].reason is DeclineReason.BUSY
    rig.feed(StopKey(0), 1_000)
    start(rig, 2, "cmd-2")
    assert rig.of(Declined)[1].reason is DeclineReason.STOPPED
    assert rig.openings == ["off_trm_1_2"]


@pytest.mark.parametrize("session", ["ses_1", "off_trm_1_4"])
def test_a_start_that_names_another_token_than_its_session_is_declined(session: str) -> None:
    rig = Rig().ready()
    start(rig, 2, session=session)
    assert rig.of(Declined)[0].reason is DeclineReason.LIMITS


# ---------------------------------------------------------------- burning


def test_an_unused_code_is_burnt_by_a_record_and_opens_nothing_afterwards() -> None:
    rig = Rig().ready()
    rig.say(terms(rig))
    for _ in range(5):
        burn(rig, 2)
    assert [(one.session, one.token_count) for one in rig.of(Burnt)] == [("off_trm_1_2", 2)]
    start(rig, 2)
    assert rig.of(Declined)[0].reason is DeclineReason.STOPPED
    rig.feed(LinkDown(rig.link))
    restart(rig)
    types(rig, CODES[2])
    assert rig.openings == []


def test_a_used_code_is_not_said_to_be_unused_even_when_its_records_are_gone() -> None:
    rig = ready()
    types(rig, CODES[2])
    burn(rig.link_up(), 2)
    rig.feed(StopKey(0), 1_000)
    burn(rig, 2)
    rig.ack_all()
    for seq in list(rig.core.kept.records):
        rig.core.kept.forget(seq)
    burn(rig, 2)
    assert not rig.of(Burnt)
    assert rig.core.kept.records == {}


def test_a_burnt_code_is_answered_again_once_its_record_is_gone() -> None:
    rig = Rig().ready()
    rig.say(terms(rig))
    burn(rig, 2)
    rig.ack_all()
    burn(rig, 2)
    assert len(rig.of(Burnt)) == 1
    for seq in list(rig.core.kept.records):
        rig.core.kept.forget(seq)
    burn(rig, 2)
    assert len(rig.core.kept.records) == 1


def test_a_code_of_terms_that_are_not_held_is_burnt_for_the_day_they_come_back() -> None:
    rig = Rig().ready()
    burn(rig, 2)
    assert len(rig.of(Burnt)) == 1
    rig.say(terms(rig))
    rig.feed(LinkDown(rig.link))
    types(rig, CODES[2])
    assert rig.openings == []


def test_a_burn_that_contradicts_itself_is_not_obeyed() -> None:
    rig = Rig().ready()
    burn(rig, 2, "ses_1")
    burn(rig, 2, "off_trm_1_4")
    assert rig.records() == []


# ---------------------------------------------------------------- losses of power


def test_power_lost_at_any_action_of_an_acceptance_leaves_it_whole_or_undone() -> None:
    seen = set[tuple[str, ...]]()
    for at in range(8):
        rig = ready()
        for key in CODES[2]:
            rig.feed(KeyPressed(0, key))
        rig.crash_at = at
        with suppress(PowerLostError):
            rig.feed(KeyPressed(0, "#"))
        restart(rig)
        assert rig.open == set()
        assert not rig.durable().open
        found = tuple(kinds(rig))
        seen.add(found)
        credited = "OfflineCredit" in found
        assert (2 in rig.durable().tokens.gone("trm_1")) is credited
        if found == ("OfflineCredit", "Declined"):
            assert rig.of(Declined)[0].reason is DeclineReason.CLOSED
            assert rig.of(Declined)[0].session == "off_trm_1_2"
        opened = len(rig.openings)
        types(rig, CODES[2])
        assert len(rig.openings) == opened + (0 if credited else 1)
        restart(rig)
        assert len(rig.of(OfflineCredit)) == 1
    assert seen == {(), ("OfflineCredit", "Declined"), ("OfflineCredit", "Started", "Stopped")}


def test_power_lost_again_while_an_unstarted_code_is_declined_declines_it_once() -> None:
    rig = ready()
    for key in CODES[2]:
        rig.feed(KeyPressed(0, key))
    rig.crash_at = 1
    with suppress(PowerLostError):
        rig.feed(KeyPressed(0, "#"))
    for at in range(6):
        rig.journal.crash()
        rig.crash_at = at
        with suppress(PowerLostError):
            rig.boot()
    restart(rig)
    assert kinds(rig) == ["OfflineCredit", "Declined"]


def test_power_lost_at_any_action_of_a_burning_leaves_it_burnt_or_usable() -> None:
    for at in range(3):
        rig = Rig().ready()
        rig.say(terms(rig))
        rig.crash_at = at
        with suppress(PowerLostError):
            burn(rig, 2)
        restart(rig)
        burnt = kinds(rig) == ["Burnt"]
        assert (2 in rig.durable().tokens.gone("trm_1")) is burnt
        types(rig, CODES[2])
        assert rig.openings == ([] if burnt else ["off_trm_1_2"])


def test_power_lost_at_any_action_of_a_start_under_a_code_burns_it_with_its_answer() -> None:
    for at in range(4):
        rig = Rig().ready()
        rig.say(terms(rig))
        rig.crash_at = at
        with suppress(PowerLostError):
            start(rig, 2)
        restart(rig)
        assert rig.open == set()
        answered = bool(rig.of(Started))
        assert (2 in rig.durable().tokens.gone("trm_1")) is answered


def test_a_rewritten_journal_says_the_same_of_terms_and_counts() -> None:
    rig = ready(TWO)
    types(rig, CODES[2])
    rig.feed(StopKey(0), 1_000)
    burn(rig.link_up(), 4)
    rig.say(terms(rig, outlet=1, terms="trm_2", key=OTHER_KEY))
    again = Kept()
    assert again.read(rig.core.kept.lines()) == 0
    assert again.tokens == rig.core.kept.tokens
    assert again.tokens.gone("trm_1") == {2, 4}
    assert offline.REKEY_COUNT < offline.MOST_COUNT
