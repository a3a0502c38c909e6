"""Bytes that are no message, each with the reason: every implementation must refuse them and go on."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Direction = Literal["up", "down", "record"]


class Refusal(Struct, frozen=True):
    """Bytes to refuse when they arrive as `direction`."""

    name: str
    direction: Direction
    data: bytes
    reason: str


_HELLO = '{{"type":"hello","link":{link},"epoch":{epoch},"next_seq":1,"oldest_seq":1,"boot":1,"open_sessions":{open}}}'
_STAMP = '"boot":1,"ticks_ms":1'


def _hello(*, link: str = "1", epoch: str = '"e"', open_sessions: str = "[]") -> bytes:
    return _HELLO.format(link=link, epoch=epoch, open=open_sessions).encode()


def _started(registers: str, outlet: str = "0") -> bytes:
    return (
        f'{{"type":"started",{_STAMP},"session":"s","command":"c","outlet":{outlet},"registers":{registers}}}'
    ).encode()


def _start(limits: str) -> bytes:
    return (
        '{"type":"start","link":1,"command":"c","session":"s","outlet":0,'
        f'"limits":{limits},"expires_at_ms":1}}'
    ).encode()


_JSON = (
    Refusal("nothing", "up", b"", "there is no JSON"),
    Refusal("cut short", "up", b'{"type":"alive","link":', "the JSON ends too early"),
    Refusal("not an object", "up", b"[1,2,3]", "a message is an object"),
    Refusal("null", "down", b"null", "a message is an object"),
    Refusal(
        "two messages", "up", b'{"type":"alive","link":1}{"type":"alive","link":1}', "one message at a time"
    ),
    Refusal(
        "byte order mark", "up", b'\xef\xbb\xbf{"type":"alive","link":1}', "UTF-8 has no byte order mark here"
    ),
    Refusal(
        "not UTF-8",
        "up",
        _hello(epoch='"').replace(b'"epoch":",', b'"epoch":"\xff",'),
        "the text is not UTF-8",
    ),
    Refusal("half a surrogate pair", "up", _hello(epoch='"\\ud800"'), "a surrogate must have its other half"),
    Refusal("a control character in a string", "up", _hello(epoch='"a\tb"'), "JSON wants it escaped"),
    Refusal("a comment", "up", b'{"type":"alive","link":1/*one*/}', "JSON has no comments"),
    Refusal("not a number", "up", _hello(link="NaN"), "JSON has no NaN"),
    Refusal("infinity", "up", _hello(link="Infinity"), "JSON has no infinity"),
    Refusal(
        "too deep",
        "up",
        b'{"type":"alive","link":1,"x":' + b"[" * 1_900 + b"]" * 1_900 + b"}",
        "nested too deep",
    ),
    Refusal(
        "too long", "up", b'{"type":"alive","link":1}' + b" " * 4_096, "a message has at most 4096 bytes"
    ),
)

_FIELDS = (
    Refusal("no type", "up", b'{"link":1}', "type is missing"),
    Refusal("unknown type", "up", b'{"type":"open","link":1}', "there is no such message"),
    Refusal("the other side's message", "up", b'{"type":"ping","link":1}', "only the server sends ping"),
    Refusal(
        "a terminal's message at the terminal",
        "down",
        b'{"type":"alive","link":1}',
        "only terminals send alive",
    ),
    Refusal("a record by itself", "up", _started("{}"), "records travel inside a records message"),
    Refusal("no link", "up", b'{"type":"alive"}', "link is missing"),
    Refusal("link 0", "up", b'{"type":"alive","link":0}', "link begins at 1"),
    Refusal(
        "link beyond 2^53-1", "up", b'{"type":"alive","link":9007199254740992}', "link is at most 2^53-1"
    ),
    Refusal(
        "link of 400 digits", "up", b'{"type":"alive","link":' + b"9" * 400 + b"}", "link is at most 2^53-1"
    ),
    Refusal("link as text", "up", _hello(link='"1"'), "link is an integer"),
    Refusal(
        "link as a fraction",
        "up",
        _hello(link="1.0"),
        "every quantity is an integer, written without a point",
    ),
    Refusal(
        "link with an exponent", "up", _hello(link="1e0"), "every quantity is an integer, written plainly"
    ),
    Refusal("link is true", "up", _hello(link="true"), "link is an integer"),
    Refusal("negative link", "up", _hello(link="-1"), "link begins at 1"),
    Refusal("empty id", "up", _hello(epoch='""'), "an id has 1 to 40 characters"),
    Refusal("id of 41 characters", "up", _hello(epoch='"' + "x" * 41 + '"'), "an id has 1 to 40 characters"),
    Refusal("id with a dot", "up", _hello(epoch='"a.b"'), "an id has letters, digits, '_' and '-' only"),
    Refusal("id with a slash", "up", _hello(epoch='"a/b"'), "an id has letters, digits, '_' and '-' only"),
    Refusal("id with a wildcard", "up", _hello(epoch='"#"'), "an id has letters, digits, '_' and '-' only"),
    Refusal(
        "id with a line feed at its end", "up", _hello(epoch='"a\\n"'), "a line feed is no part of an id"
    ),
    Refusal("33 open sessions", "up", _hello(open_sessions="[" + ",".join(['"s"'] * 33) + "]"), "at most 32"),
    Refusal(
        "NUL in a text", "up", _hello()[:-1] + b',"firmware":"a\\u0000"}', "text holds no control characters"
    ),
    Refusal(
        "no records", "up", b'{"type":"records","link":1,"epoch":"e","first_seq":1,"records":[]}', "1 to 16"
    ),
    Refusal(
        "seventeen records",
        "up",
        b'{"type":"records","link":1,"epoch":"e","first_seq":1,"records":[' + b",".join([b"{}"] * 17) + b"]}",
        "1 to 16 records",
    ),
    Refusal(
        "first_seq 0",
        "up",
        b'{"type":"records","link":1,"epoch":"e","first_seq":0,"records":[{}]}',
        "seq begins at 1",
    ),
    Refusal(
        "three digits",
        "up",
        b'{"type":"code_entered","link":1,"outlet":0,"digits":"123","request":"r"}',
        "a code has 4 to 16 digits",
    ),
    Refusal(
        "letters in a code",
        "up",
        b'{"type":"code_entered","link":1,"outlet":0,"digits":"12a4","request":"r"}',
        "a code has digits only",
    ),
    Refusal(
        "seventeen sensors",
        "up",
        (
            '{"type":"readings","link":1,"outlet":0,"ticks_ms":1,"registers":{},"sensors":{'
            + ",".join(f'"s{number}":1' for number in range(17))
            + "}}"
        ).encode(),
        "at most 16 sensors",
    ),
    Refusal(
        "no limits",
        "down",
        b'{"type":"start","link":1,"command":"c","session":"s","outlet":0}',
        "limits is missing",
    ),
    Refusal("a limit is missing", "down", _start('{"ml":1,"s":1,"wh":1,"count":1}'), "idle_s is missing"),
    Refusal(
        "a limit of zero",
        "down",
        _start('{"ml":0,"s":1,"wh":1,"count":1,"idle_s":1}'),
        "a limit is above zero",
    ),
    Refusal(
        "no limit on time",
        "down",
        _start('{"ml":1,"s":null,"wh":1,"count":1,"idle_s":1}'),
        "limits are finite",
    ),
    Refusal(
        "five lines",
        "down",
        b'{"type":"show","link":1,"outlet":0,"lines":["","","","",""]}',
        "at most 4 lines",
    ),
    Refusal(
        "a line of 41 characters",
        "down",
        b'{"type":"show","link":1,"outlet":0,"lines":["' + b"x" * 41 + b'"]}',
        "a line has at most 40 characters",
    ),
    Refusal(
        "nine packages",
        "down",
        (
            '{"type":"menu","link":1,"outlet":0,"packages":['
            + ",".join(['{"package":"p","title":"t","price_minor":1}'] * 9)
            + "]}"
        ).encode(),
        "at most 8 packages",
    ),
    Refusal(
        "a package for nothing",
        "down",
        b'{"type":"menu","link":1,"outlet":0,"packages":[{"package":"p","title":"t","price_minor":0}]}',
        "a price is above zero",
    ),
    Refusal(
        "a price of half a cent",
        "down",
        b'{"type":"menu","link":1,"outlet":0,"packages":[{"package":"p","title":"t","price_minor":5.5}]}',
        "money is an integer of minor units",
    ),
    Refusal(
        "an unknown note",
        "down",
        b'{"type":"show","link":1,"outlet":0,"request":"r","note":"perhaps"}',
        "there is no such note",
    ),
    Refusal(
        "a code without life",
        "down",
        b'{"type":"show","link":1,"outlet":0,"qr":"x","request":"r","life_s":0}',
        "a code lives for a second at least",
    ),
    Refusal(
        "a wish without a request",
        "up",
        b'{"type":"qr_cancelled","link":1,"outlet":0}',
        "request is missing",
    ),
    Refusal(
        "a short hash",
        "down",
        b'{"type":"update","link":1,"version":"1","url":"https://u.example","sha256":"00"}',
        "a SHA-256 has 64 hexadecimal digits in lower case",
    ),
)

_RECORDS = (
    Refusal("outlet 256", "record", _started("{}", outlet="256"), "an outlet is 0 to 255"),
    Refusal("negative outlet", "record", _started("{}", outlet="-1"), "an outlet is 0 to 255"),
    Refusal("unknown register", "record", _started('{"litres":1}'), "there is no such register"),
    Refusal("negative register", "record", _started('{"ml":-1}'), "a register is not negative"),
    Refusal(
        "register beyond 2^53-1", "record", _started('{"ml":9007199254740992}'), "a count is at most 2^53-1"
    ),
    Refusal("fractional register", "record", _started('{"ml":0.5}'), "every quantity is an integer"),
    Refusal("register is null", "record", _started('{"ml":null}'), "leave out a register that is not there"),
    Refusal("a message as a record", "record", b'{"type":"alive","link":1}', "there is no such record"),
    Refusal(
        "unknown reason",
        "record",
        f'{{"type":"stopped",{_STAMP},"session":"s","outlet":0,"reason":"bored","start":{{}},"registers":{{}}}}'.encode(),
        "there is no such reason",
    ),
    Refusal(
        "61 points",
        "record",
        (
            f'{{"type":"stopped",{_STAMP},"session":"s","outlet":0,"reason":"key","start":{{}},"registers":{{}},'
            f'"curve":[{",".join(["[1,1]"] * 61)}]}}'
        ).encode(),
        "a curve has at most 60 points",
    ),
    Refusal(
        "half a point",
        "record",
        (
            f'{{"type":"stopped",{_STAMP},"session":"s","outlet":0,"reason":"key","start":{{}},"registers":{{}},'
            '"curve":[[1]]}'
        ).encode(),
        "a point has two places",
    ),
)

REFUSALS: tuple[Refusal, ...] = (*_JSON, *_FIELDS, *_RECORDS)
"""All of them; their names are unique."""
