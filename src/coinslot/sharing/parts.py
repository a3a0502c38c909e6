"""What an agreement makes of a charge. Pure."""

from __future__ import annotations

from typing import NamedTuple

from coinslot.money import share_out
from coinslot.sharing.model import WHOLE_PPM, Frozen, PartyId


class Holder(NamedTuple):
    """Who holds a part of every charge; `party` None is the operator, who has what the others leave."""

    party: PartyId | None
    share_ppm: int
    fixed_minor: int


def holders(frozen: Frozen) -> tuple[Holder, ...]:
    """Everybody in the order in which a charge is shared: the parties as agreed, the operator last."""
    parties = [Holder(part.party, part.share_ppm, part.fixed_minor) for part in frozen.parts]
    rest_ppm = WHOLE_PPM - sum(part.share_ppm for part in frozen.parts)
    return (*parties, Holder(None, rest_ppm, 0))


def payables(frozen: Frozen, charge_minor: int) -> list[tuple[PartyId, int]]:
    """Every party's part of a charge in minor units, in the agreement's order; the operator has the rest.

    Fixed parts come first, in order, as far as the charge goes; shares are of what they leave, by largest
    remainder with the operator as last holder. ValueError for a negative charge.
    """
    if charge_minor < 0:
        raise ValueError(f"a charge may not be negative: {charge_minor}")
    all_of_it = holders(frozen)
    amounts = share_out(
        charge_minor, [holder.fixed_minor for holder in all_of_it], [holder.share_ppm for holder in all_of_it]
    )
    return [
        (holder.party, amount_minor)
        for holder, amount_minor in zip(all_of_it, amounts, strict=True)
        if holder.party is not None
    ]
