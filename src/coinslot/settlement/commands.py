"""The commands a session's state asks for. Built from the row alone, so that sending one again needs
no outbox: a session that is authorized or stopping *is* the message still owed to its terminal.
"""

from __future__ import annotations

import msgspec

from coinslot.sessions.model import Session
from coinslot.wire.ids import SessionId
from coinslot.wire.messages import Burn, DisplayLanguage, Limits, Ping, Start, Stop

_limits = msgspec.json.Decoder(Limits)


def limits_of(session: Session) -> Limits:
    """The limits the session was started with."""
    return _limits.decode(session.limits)


def start_message(session: Session) -> Start:
    """The start command; the same one however often it is sent."""
    return Start(
        link=session.link,
        command=session.command,
        session=session.id,
        outlet=session.outlet,
        limits=limits_of(session),
        expires_at_ms=session.expires_at_ms,
        quote=msgspec.Raw(session.quote.encode()),
        language=None if session.language is None else DisplayLanguage(session.language),
        balance_minor=session.balance_minor,
        token=session.token,
    )


def stop_message(session: SessionId, link: int) -> Stop:
    """The stop command, on the link in force."""
    return Stop(link=link, session=session)


def burn_message(session: Session, link: int) -> Burn:
    """Have the code that promised this session burnt, on the link in force."""
    assert session.token is not None, "only a promise has a code"
    return Burn(link=link, outlet=session.outlet, session=session.id, token=session.token)


def ping_message(link: int) -> Ping:
    """Ask for a hello on the link in force."""
    return Ping(link=link)
