"""The pages of codes for keypads: getting one, showing it, one for a friend, one that works without the link."""

from __future__ import annotations

from typing import Final

from litestar.types import ControllerRouterHandler

from coinslot.web.customer import bathrooms, code, friend, offline

KEYPAD: Final[list[ControllerRouterHandler]] = [
    bathrooms.bathrooms,
    bathrooms.get_code,
    code.code_page,
    code.code_state,
    code.code_again,
    code.new_code,
    code.cancel_code,
    friend.friend_page,
    friend.friend_code,
    offline.offer_page,
    offline.offline_code,
    offline.offline_page,
    offline.offline_state,
    offline.not_wanted_again,
    offline.not_wanted,
]
