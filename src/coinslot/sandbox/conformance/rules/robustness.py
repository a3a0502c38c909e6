"""What is no message, or no message of today: dropped, and the connection stays."""

from __future__ import annotations

from coinslot.sandbox.conformance.player import Player, raw
from coinslot.sandbox.conformance.rule import Broken, Section
from coinslot.sandbox.conformance.using import alive, began, end, ping_of
from coinslot.wire.documents.refusals import REFUSALS
from coinslot.wire.messages import MAX_MESSAGE_BYTES, Hello

SECTION = Section(7, "What cannot be understood", "messages")

_BROKEN: tuple[bytes, ...] = (
    b"",
    b"{",
    b"null",
    b"[1,2,3]",
    b'"start"',
    b"0",
    b"\xff\xfe\x00\x01",
    b'{"type":"start"}',
    b'{"type":"stop","link":1.5,"session":"s"}',
    b'{"type":"ack","link":"1","epoch":7,"seq":null}',
    b'{"link":1}',
    b'{"type":null,"link":1}',
    b'{"type":["start"],"link":1}',
    b"[" * 2_000,
)


@SECTION.played("unknown-types", "A message of a type it does not know is dropped: the link grows by such.")
async def _unknown(player: Player) -> None:
    connection = player.connection
    player.say_bytes(raw({"type": "of_tomorrow", "link": player.link, "outlet": 0}))
    player.say_bytes(raw({"type": "hello", "link": player.link}))
    await alive(player, connection)


@SECTION.played(
    "malformed", "Bytes that are no JSON, or not what a message is, are dropped; the connection stays."
)
async def _malformed(player: Player) -> None:
    connection = player.connection
    for data in _BROKEN:
        player.say_bytes(data)
    await alive(player, connection)


@SECTION.played(
    "vectors", "Every refused vector of docs/link/vectors.json is dropped as it comes; the connection stays."
)
async def _vectors(player: Player) -> None:
    connection = player.connection
    for refusal in REFUSALS:
        if refusal.direction == "down":
            player.say_bytes(refusal.data)
    await alive(player, connection)


@SECTION.played("malformed-in-use", "Nonsense in mid-use does not end the use.")
async def _in_use(player: Player) -> None:
    tried = await began(player)
    for data in _BROKEN:
        player.say_bytes(data)
    hello = await player.ping()
    running = tried.session in hello.open_sessions
    await end(player, tried)
    if not running:
        raise Broken("the running session ended at bytes that are no message")


@SECTION.played("oversized", f"A message over {MAX_MESSAGE_BYTES} bytes is dropped; the connection stays.")
async def _oversized(player: Player) -> None:
    connection = player.connection
    since = player.mark
    ping = ping_of(player)
    player.say_bytes(ping + b" " * (MAX_MESSAGE_BYTES + 1 - len(ping)))
    await alive(player, connection)
    await player.pass_s(0.3)
    found = player.history.hellos(since)
    if len(found) != 1:
        raise Broken(f"{len(found)} hellos: a ping of {MAX_MESSAGE_BYTES + 1} bytes was obeyed")


@SECTION.played("biggest", f"A message of exactly {MAX_MESSAGE_BYTES} bytes is read.")
async def _biggest(player: Player) -> None:
    since = player.mark
    ping = ping_of(player)
    player.say_bytes(ping + b" " * (MAX_MESSAGE_BYTES - len(ping)))
    await player.message(Hello, f"a hello in answer to a ping of {MAX_MESSAGE_BYTES} bytes", since)
