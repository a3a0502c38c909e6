"""The pages up to the start of a session: the appliance, logging in, the real name."""

from __future__ import annotations

from typing import Final

from litestar.types import ControllerRouterHandler

from coinslot.web.customer.appliance import appliance, appliance_state, back_to_the_appliance
from coinslot.web.customer.elsewhere import front_door, logged_out, logout
from coinslot.web.customer.login import anew, log_in, prove, send_code
from coinslot.web.customer.real_name import hand_in, name_page
from coinslot.web.customer.start import start

ARRIVING: Final[list[ControllerRouterHandler]] = [
    front_door,
    logged_out,
    logout,
    appliance,
    appliance_state,
    back_to_the_appliance,
    send_code,
    log_in,
    prove,
    anew,
    name_page,
    hand_in,
    start,
]
