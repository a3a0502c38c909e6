"""Alarms in words: what is wrong, and what whoever reads it does next."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from coinslot.settlement.alarms import AlarmRow
from coinslot.settlement.changes import AlarmKind
from coinslot.web.console.staffed import Staffed
from coinslot.web.pages.languages import marked
from coinslot.wire.records import FaultCode


class Told(NamedTuple):
    """What is wrong, and what to do."""

    name: str
    next: str


SWEEP_OF_SITE: Final = Told(
    marked("Somebody guesses codes on several keypads of this site"),
    marked("No keypad is shut for it: that would keep everybody out. Go and see who stands there."),
)
WORDS: Final = {
    FaultCode.FLOW_WHILE_SHUT.value: Told(
        marked("Water or power flows though it is shut"),
        marked(
            "Shut the stop valve by hand, or switch the power off. Then have the valve or the relay replaced: what "
            "flows meanwhile is counted, and paid by nobody."
        ),
    ),
    FaultCode.VALVE_STUCK.value: Told(
        marked("The valve or the relay does not follow"),
        marked("Look whether it stays open or shut, and close the stop valve if need be. Then replace it."),
    ),
    FaultCode.METER_STUCK.value: Told(
        marked("The meter does not count"),
        marked(
            "Look whether the stop valve is open and anything comes. If it does, clean or replace the meter and check "
            "its cable."
        ),
    ),
    FaultCode.METER_BACKWARDS.value: Told(
        marked("The meter ran backwards"),
        marked(
            "Check the meter's cable, and whether meter or board was exchanged. Then let water run for a test."
        ),
    ),
    FaultCode.LEAK.value: Told(
        marked("The leak sensor is wet"),
        marked("Shut the stop valve, find where the water comes from, and dry the sensor."),
    ),
    FaultCode.JOURNAL.value: Told(
        marked("The terminal cannot write to its memory"),
        marked("Switch it off and on once. If this stays, replace its memory card."),
    ),
    FaultCode.SENSOR.value: Told(
        marked("A sensor does not answer"),
        marked("Check its cable. Uses go on; what it measures is not shown meanwhile."),
    ),
    FaultCode.NO_LOAD.value: Told(
        marked("It is on and draws no power"),
        marked("Check the plug, the fuse, and the appliance itself."),
    ),
    FaultCode.OVERLOAD.value: Told(
        marked("It draws more power than it may"),
        marked("Unplug what does not belong there, and have the appliance checked."),
    ),
    FaultCode.STALL.value: Told(
        marked("Its motor seems blocked"),
        marked("Look what blocks it, such as lint or a filter, and let it run once."),
    ),
    AlarmKind.LOWER_LINK.value: Told(
        marked("An older connection of the terminal spoke again"),
        marked(
            "Once may be the network. If it comes again, two terminals may share one identity: give this one a new secret."
        ),
    ),
    AlarmKind.ROLLED_BACK.value: Told(
        marked("The terminal's memory is older than what it had reported"),
        marked(
            "Find out whether an old memory card or a copy was put into it. Uses that were lost with it wait to be "
            "looked at."
        ),
    ),
    AlarmKind.RETIRED_EPOCH.value: Told(
        marked("The terminal speaks of a memory that was replaced"),
        marked("Find out whether an old memory card is in it again. It was told to begin a new one."),
    ),
    AlarmKind.FOREIGN_SESSION.value: Told(
        marked("The terminal spoke of a use that is not its own"),
        marked("Nothing was done about that use. Look at the terminal, and give it a new secret."),
    ),
    AlarmKind.UNREADABLE.value: Told(
        marked("The terminal sent what cannot be read"),
        marked("Its software is faulty, or of another version than the server: bring it up to date."),
    ),
    AlarmKind.SWEEP.value: Told(
        marked("Somebody guesses codes on this keypad"),
        marked(
            "It has locked itself, and customers get a longer code for it. Go and see who stands there. The alarm goes "
            "when the wrong codes are a day old."
        ),
    ),
}
_SHUT: Final = marked("Nobody can start it meanwhile. The alarm goes when the terminal says that it is well.")
_GOES: Final = marked("The alarm goes when the terminal says that it is well.")
_STARTED: Final = frozenset({FaultCode.SENSOR.value})
"""Faults with which an appliance is used on."""
_WRONG: Final = re.compile(r"([0-9]+) wrong codes in 24 hours(?: at this site, ([0-9]+) keypads .*)?")


def words_of(row: AlarmRow) -> Told:
    """What an alarm says; a kind of a later version stands as it is."""
    if row.kind == AlarmKind.SWEEP and row.outlet is None:
        return SWEEP_OF_SITE
    return WORDS.get(row.kind) or Told(row.kind.replace("_", " "), "")


def then_of(row: AlarmRow) -> str:
    """What holds until a fault goes, untranslated; empty for what is none."""
    if row.by_hand or row.kind not in set(FaultCode):
        return ""
    return _GOES if row.kind in _STARTED else _SHUT


def detail_of(staffed: Staffed, row: AlarmRow) -> str:
    """An alarm's figures in the page's language; what has none stands as it is."""
    found = _WRONG.fullmatch(row.detail)
    if found is None:
        return row.detail
    if found[2] is None:
        return staffed.say("%(tries)s wrong codes in 24 hours", tries=found[1])
    return staffed.say(
        "%(tries)s wrong codes in 24 hours at this site, many of them on %(keypads)s keypads",
        tries=found[1],
        keypads=found[2],
    )
