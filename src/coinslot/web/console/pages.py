"""All pages of the console."""

from __future__ import annotations

from typing import Final

from litestar.handlers import HTTPRouteHandler

from coinslot.web.console.desks import DESKS
from coinslot.web.console.home import home
from coinslot.web.console.login import log_in, log_in_page, log_out, log_out_again
from coinslot.web.console.messages import MESSAGES

DOOR: Final[list[HTTPRouteHandler]] = [log_in_page, log_in]
"""For whoever is not logged in yet."""
CONSOLE: Final[list[HTTPRouteHandler]] = [home, log_out, log_out_again, *MESSAGES, *DESKS]
"""For staff alone; `may.MAY` says for whom."""
