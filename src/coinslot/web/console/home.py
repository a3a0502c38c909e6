"""The console's first page: what waits for somebody."""

from __future__ import annotations

from litestar import get
from litestar.response import Response

from coinslot.web.console.staffed import StaffedOf


@get("/console")
async def home(staffed: StaffedOf) -> Response[bytes]:
    """What waits for this role."""
    return staffed.show("console/home.html", waiting=[])
