"""How a terminal comes: over MQTT, with a will, with a higher number each time, and hello first."""

from __future__ import annotations

from coinslot.sandbox.conformance.history import Login
from coinslot.sandbox.conformance.player import Player
from coinslot.sandbox.conformance.rule import Broken, NotTried, Section, Weight
from coinslot.wire.codec import WireError, decode_up
from coinslot.wire.messages import Gone, Hello, Ping
from coinslot.wire.topics import Channel

SECTION = Section(1, "Connection", "connection")


def _login(player: Player) -> Login:
    found = player.history.logins.get(player.connection)
    if found is None:
        raise NotTried("this terminal is not reached over MQTT; use its MQTT side")
    return found


def own(terminal: str, channel: Channel) -> str:
    """A terminal's own topic."""
    return f"coinslot/1/{terminal}/{channel}"


@SECTION.played(
    "mqtt-login",
    "It speaks MQTT 3.1.1; user name and client id are the terminal's id, the password its secret.",
)
async def _mqtt_login(player: Player) -> None:
    login = _login(player)
    if login.protocol != 4:
        raise Broken(f"MQTT protocol level {login.protocol}; expected 4, which is 3.1.1")
    for name, found in (("user name", login.user), ("client id", login.client_id)):
        if found != player.manner.terminal:
            raise Broken(f"{name} {found!r}; expected the terminal's id, {player.manner.terminal}")


@SECTION.played("clean-session", "It asks for a clean session: a broker may never hand over a stale command.")
async def _clean_session(player: Player) -> None:
    if not _login(player).clean_session:
        raise Broken("CONNECT without the clean-session flag")


@SECTION.played(
    "will", "Its will is `gone` with the number of this very link, on its own `gone`, at QoS 0, not retained."
)
async def _will(player: Player) -> None:
    await player.cut()
    login = _login(player)
    wanted = own(player.manner.terminal, Channel.GONE)
    if login.will_topic != wanted:
        raise Broken(f"the will goes to {login.will_topic!r}; expected {wanted!r}")
    if login.will_qos or login.will_retained:
        raise Broken(f"the will has QoS {login.will_qos}, retained {login.will_retained}; expected 0 and not")
    try:
        will = decode_up(login.will)
    except WireError as error:
        raise Broken(f"the will is no message: {error}") from None
    if not isinstance(will, Gone) or will.link != player.link:
        raise Broken(f'the will says {login.will[:100]!r}; expected {{"type":"gone","link":{player.link}}}')


@SECTION.played("topics", "It subscribes to its own `down` and to nothing else.")
async def _topics(player: Player) -> None:
    _login(player)
    found = {topic for topic, _qos in player.history.subscriptions.get(player.connection, [])}
    wanted = own(player.manner.terminal, Channel.DOWN)
    if found != {wanted}:
        raise Broken(f"subscribed to {sorted(found)}; expected {wanted!r} alone")


@SECTION.played(
    "keep-alive",
    "Its keep-alive is 60 s: often enough to be missed, seldom enough for a SIM card.",
    weight=Weight.SHOULD,
)
async def _keep_alive(player: Player) -> None:
    found = _login(player).keep_alive_s
    if not 30 <= found <= 120:
        raise Broken(f"keep-alive of {found} s; expected 60")


@SECTION.played(
    "hello-first", "The first word on each link is `hello`, with `at_ms` 0.", anchor="order-of-a-connection"
)
async def _hello_first(player: Player) -> None:
    since = player.mark
    await player.cut()
    lines = [line for _, line in player.history.said(since) if line.connection == player.connection]
    first = lines[0].message
    if not isinstance(first, Hello):
        raise Broken(f"the first word of the new link was {lines[0].data[:80]!r}; expected hello")
    if first.at_ms != 0:
        raise Broken(f"the first hello of a link has at_ms {first.at_ms}; it is 0 there")


@SECTION.played(
    "link-rises",
    "Each connection has a higher `link` than every one before it.",
    anchor="the-number-of-the-link",
)
async def _link_rises(player: Player) -> None:
    before = player.link
    hello = await player.cut()
    if hello.link <= before:
        raise Broken(f"link {hello.link} after link {before}; it must be higher")


@SECTION.played(
    "ping",
    "`ping` is answered with a hello on the same link, with the link time in `at_ms`.",
    anchor="order-of-a-connection",
)
async def _ping(player: Player) -> None:
    await player.pass_s(0.05)
    first = await player.ping()
    await player.pass_s(0.05)
    second = await player.ping()
    if first.link != player.link or second.link != player.link:
        raise Broken("the answer to a ping has another link number")
    if not 0 < first.at_ms < second.at_ms:
        raise Broken(
            f"at_ms {first.at_ms}, then {second.at_ms}; link time rises and is above 0 after the first hello"
        )
    if second.at_ms > player.link_ms + 3_000:
        raise Broken(f"at_ms {second.at_ms}, but this link's first hello came only {player.link_ms} ms ago")


@SECTION.played(
    "hello-again",
    "A hello that nobody answers is said again, or on a fresh link: later and later.",
    weight=Weight.SHOULD,
    long=True,
    anchor="order-of-a-connection",
)
async def _hello_again(player: Player) -> None:
    with player.holding(welcomes=False):
        await player.cut()
        since = player.mark
        await player.message(Hello, "a second hello, since the first had no answer", since, within_s=90)
    await player.cut()


@SECTION.played("other-link", "A message made for another link is ignored.", anchor="the-number-of-the-link")
async def _other_link(player: Player) -> None:
    since = player.mark
    player.say(Ping(link=player.link + 1))
    if player.link > 1:
        player.say(Ping(link=player.link - 1))
    await player.fence()
    await player.pass_s(0.3)
    found = len(player.history.hellos(since))
    if found != 1:
        raise Broken(f"{found} hellos after one ping of this link and others of other links; expected one")
