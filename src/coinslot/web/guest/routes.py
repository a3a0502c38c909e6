"""Everything behind a guest's address."""

from __future__ import annotations

from typing import Final

from litestar.types import ControllerRouterHandler

from coinslot.web.guest import fapiao, page, report, using

GUEST: Final[list[ControllerRouterHandler]] = [
    page.guest_page,
    page.guest_bill,
    using.guest_sign,
    using.guest_state,
    using.guest_events,
    using.guest_stop_page,
    using.guest_stop,
    report.guest_report_page,
    report.guest_report,
    fapiao.guest_fapiao_page,
    fapiao.guest_fapiao,
]
