"""What a customer comes for: pure choices from a random source."""

from __future__ import annotations

import random
from enum import StrEnum

from msgspec import Struct

from coinslot.terminal.simulated import Model


class Leaving(StrEnum):
    """How a visit ends."""

    KEY = "key"
    """The stop key on the appliance, or # on its keypad."""
    PHONE = "phone"
    """Stop on the phone: the server tells the terminal."""
    WALKS_OFF = "walks off"
    """Closes the shower head and leaves; the terminal notices that nothing flows."""
    LIMIT = "limit"
    """Fills until the balance is used up and the terminal stops by itself."""


class Plan(Struct, frozen=True, kw_only=True):
    """One visit."""

    model: Model
    outlet: int
    draw_ml: int
    """What is drawn before leaving; no meaning when the limit ends it."""
    soap_s: float = 0.0
    """A pause with the shower head closed, half way."""
    pause_s: float = 0.0
    """The same with the valve shut from the keypad: nothing is billed meanwhile."""
    leaving: Leaving

    @property
    def typed(self) -> bool:
        """Whether they come with a code for the keypad."""
        return self.model is Model.STALL


_CUPS_ML = (200, 300, 350, 500, 500, 750, 1_000, 1_500)
_TEA_ML = (200, 250, 300, 400, 500)


def choose_plan(chance: random.Random, *, thrifty: bool) -> Plan:
    """The next visit. Who is thrifty carries a canister and small change, and fills until it ends."""
    if thrifty:
        return Plan(model=Model.DISPENSER, outlet=0, draw_ml=0, leaving=Leaving.LIMIT)
    if chance.random() < 0.5:
        return _bath(chance) if chance.random() < 0.5 else _shower(chance)
    outlet = 0 if chance.random() < 0.6 else 1
    return Plan(
        model=Model.DISPENSER,
        outlet=outlet,
        draw_ml=chance.choice(_TEA_ML if outlet else _CUPS_ML),
        leaving=Leaving.KEY if chance.random() < 0.75 else Leaving.PHONE,
    )


def _shower(chance: random.Random) -> Plan:
    leaving = chance.choices([Leaving.KEY, Leaving.PHONE, Leaving.WALKS_OFF], [60, 28, 12])[0]
    return Plan(
        model=Model.SHOWER,
        outlet=0,
        draw_ml=chance.randrange(2_500, 11_000, 500),
        soap_s=chance.uniform(4.0, 12.0) if chance.random() < 0.6 else 0.0,
        leaving=leaving,
    )


def _bath(chance: random.Random) -> Plan:
    """In whichever stall of the bathroom."""
    leaving = chance.choices([Leaving.KEY, Leaving.PHONE, Leaving.WALKS_OFF], [84, 8, 8])[0]
    return Plan(
        model=Model.STALL,
        outlet=0,
        draw_ml=chance.randrange(2_500, 9_000, 500),
        pause_s=chance.uniform(3.0, 10.0) if chance.random() < 0.5 else 0.0,
        leaving=leaving,
    )


def choose_top_up_minor(chance: random.Random, *, thrifty: bool) -> int:
    """Cash that is put on the counter, in minor units."""
    return chance.choice((60, 80, 100)) if thrifty else chance.choice((5_00, 10_00, 10_00, 20_00))
