"""Where a code can be had that works without the link."""

from __future__ import annotations

from urllib.parse import urlencode

from coinslot.settlement.offline.issuing import offer
from coinslot.web.customer.appliances import Appliance, Tap
from coinslot.web.pages.page import Page


async def offline_path(page: Page, here: Appliance, tap: Tap) -> str:
    """Where one can be had for this outlet now; empty where none can."""
    found = await offer(
        page.services.pool, operator=here.operator, appliance=here.appliance, outlet=tap.outlet
    )
    if found is None or not found.link_down:
        return ""
    wanted = {"operator": here.operator, "appliance": here.appliance, "outlet": tap.outlet}
    return f"/offline?{urlencode(wanted)}"
