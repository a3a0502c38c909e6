"""Which appliances are started by a code that was got elsewhere."""

from __future__ import annotations

from typing import Final

from coinslot.fleet.rules import ApplianceKind

KEYPADS: Final = frozenset({ApplianceKind.SHOWER})
"""The kinds with a keypad in a place where phones stay dry: people choose them from afar."""
KINDS: Final = sorted(kind.value for kind in KEYPADS)
