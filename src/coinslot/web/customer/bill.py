"""The bill: what was paid, how it came about, what came back, and the water itself."""

from __future__ import annotations

from litestar import get
from litestar.params import FromPath
from litestar.response import Response

from coinslot.access import stickers
from coinslot.sessions.states import State
from coinslot.web import reading
from coinslot.web.customer import bill_text, quality
from coinslot.web.customer.fapiao import about_own, part_of
from coinslot.web.customer.own import find_own, not_yours
from coinslot.web.pages.routes import PageOf
from coinslot.web.views import view_of


@get("/s/{session_id:str}/bill")
async def bill_page(page: PageOf, session_id: FromPath[str]) -> Response[bytes]:
    """The bill of an ended session; of one that lasts, its meter."""
    own = await find_own(page, session_id)
    if own is None:
        return not_yours(page)
    session = own.session
    view = view_of(session)
    if view.bill is None:
        return page.go(f"/s/{session.id}")
    pool = page.services.pool
    notes = await reading.list_reviews(pool, session.operator, session.id)
    curve = quality.curve_of(session.curve, session.duration_ms)
    return page.show(
        "use/bill.html",
        styles=("base.css", "live.css"),
        own=own,
        bill=view.bill,
        late=session.state is State.LATE,
        released=session.state is State.RELEASED,
        why=bill_text.why_nothing(page, session),
        ended_by=page.say(bill_text.STOP_WORDS.get(session.stop_reason or "", "")),
        times=bill_text.times(page, own),
        used=bill_text.use_lines(
            page, view.bill, session.duration_ms, 0 if curve is None else curve.peak_ml_per_min
        ),
        working=bill_text.working(page, view.bill, view.quote, session),
        water=quality.water_lines(page, session.sensors),
        curve=curve,
        in_review=bill_text.in_review(notes),
        reported=bill_text.reported_at(notes) is not None,
        earned=await reading.points_of_session(pool, session.operator, session.id),
        points=await reading.points_balance(pool, session.operator, session.customer or ""),
        appliance_path=f"/m/{stickers.sign(page.services.keyring, own.place.code)}",
        fapiao=await part_of(page, about_own(session, own.place)),
        help_phone=own.place.help_phone,
    )
