"""The pages from the start of a session on: the live meter, the bill, what was before, oneself."""

from __future__ import annotations

from litestar.types import ControllerRouterHandler

from coinslot.web.customer import bill, fapiao, history, live, me, report

USING: list[ControllerRouterHandler] = [
    live.live_page,
    live.live_state,
    live.live_events,
    live.stop_again,
    live.stop_session,
    bill.bill_page,
    fapiao.fapiao_page,
    fapiao.fapiao,
    report.report_page,
    report.report,
    history.history_page,
    history.use_again,
    me.me_page,
    me.me_again,
    me.set_language,
    me.log_out,
]
