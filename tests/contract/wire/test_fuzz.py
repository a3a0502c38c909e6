"""Nothing that can arrive on the link raises anything but WireError."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coinslot.wire.codec import WireError, decode_down, decode_record, decode_up, encode
from coinslot.wire.documents.examples import EXAMPLES, Anything
from coinslot.wire.messages import MAX_MESSAGE_BYTES, Records

DECODERS: tuple[Callable[[bytes], Anything], ...] = (decode_up, decode_down, decode_record)
BYTES = [encode(example.message) for example in EXAMPLES]
QUICK = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])

integers = st.one_of(st.integers(), st.integers(2**53 - 2, 2**64 + 2), st.integers(-(2**64), -(2**31) + 2))
scalars = st.one_of(st.none(), st.booleans(), integers, st.floats(), st.text(max_size=50))
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=12), inner, max_size=6),
    max_leaves=20,
)


def feed(data: bytes) -> None:
    """Every decoder takes it or says WireError; what one took can be sent on."""
    for decoder in DECODERS:
        try:
            message = decoder(data)
        except WireError as error:
            str(error).encode()  # must fit a log
            continue
        if isinstance(message, Records):
            for record in message.records:
                try:
                    decode_record(record)
                except WireError:
                    continue
        try:
            again = encode(message)
        except WireError:
            assert len(data) > MAX_MESSAGE_BYTES // 2  # defaults written out can only be dropped
            continue
        assert encode(decoder(again)) == again


@QUICK
@given(st.binary(max_size=5_000))
def test_random_bytes(data: bytes) -> None:
    feed(data)


@QUICK
@given(st.sampled_from(BYTES), st.data())
def test_vectors_with_bytes_changed_taken_or_added(data: bytes, draw: st.DataObject) -> None:
    at = draw.draw(st.integers(0, len(data)))
    to = draw.draw(st.integers(at, min(len(data), at + 8)))
    feed(data[:at] + draw.draw(st.binary(max_size=8)) + data[to:])


@QUICK
@given(st.sampled_from(BYTES), st.data())
def test_vectors_with_a_value_replaced(data: bytes, draw: st.DataObject) -> None:
    message = json.loads(data)
    field = draw.draw(st.sampled_from(sorted(message)))
    message[field] = draw.draw(values)
    feed(json.dumps(message).encode("utf-8", "replace"))


@QUICK
@given(st.sampled_from(BYTES), st.data())
def test_vectors_with_a_key_doubled(data: bytes, draw: st.DataObject) -> None:
    field = draw.draw(st.sampled_from(sorted(json.loads(data))))
    extra = f",{json.dumps(field)}:{json.dumps(draw.draw(values))}}}"
    feed(data[:-1] + extra.encode("utf-8", "replace"))


@QUICK
@given(values)
def test_any_json_at_all(value: object) -> None:
    feed(json.dumps(value).encode("utf-8", "replace"))


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"type":"alive","link":1,"x":[', b'[{"a":'])
@pytest.mark.parametrize("depth", [10, 500, 1_000, 2_000, 4_000, 100_000])
def test_nesting(opening: bytes, depth: int) -> None:
    feed(opening * depth)
    feed(
        b'{"type":"records","link":1,"epoch":"e","first_seq":1,"records":['
        + b"[" * depth
        + b"]" * depth
        + b"]}"
    )
    feed(b'{"type":"start","link":1,"quote":' + b"[" * depth + b"]" * depth + b"}")


@pytest.mark.parametrize(
    "data",
    [
        b'{"type":"hello","open_sessions":[' + b'"s",' * 900 + b'"s"]}',
        b'{"type":"alive","link":1,"x":[' + b"0," * 2_000_000 + b"0]}",
        b'{"type":"readings","link":1,"outlet":0,"ticks_ms":1,"registers":{' + b'"ml":1,' * 500 + b'"ml":1}}',
        b'{"type":"alive","link":' + b"9" * 4_000 + b"}",
        b'{"type":"alive","link":1e999999999}',
        b'{"type":"alive","link":-0}',
        b'{"type":"alive","link":1,"x":1e-999999999}',
        b'{"type":"alive","link":1,"\xff":"\xfe"}',
        b'{"type":"alive","link":1,"x":"\\uDEAD"}',
        b"\x00" * 4_096,
        b"\xff\xfe{\x00}\x00",
        b"NaN",
        b"-",
        b'"',
    ],
)
def test_hostile_bytes(data: bytes) -> None:
    feed(data)


def test_a_long_frame_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(WireError, match="at most 4096 bytes"):
        decode_up(b'{"type":"alive","link":1,"x":"' + b"x" * 50_000_000 + b'"}')


def test_the_last_of_two_equal_keys_counts() -> None:
    assert decode_up(b'{"type":"alive","link":1,"link":2}') == decode_up(b'{"type":"alive","link":2}')


def test_a_bad_record_blocks_no_other() -> None:
    good = next(data for data in BYTES if data.startswith(b'{"type":"checkpoint"'))
    message = decode_up(
        b'{"type":"records","link":1,"epoch":"e","first_seq":5,"records":[{"type":"nonsense"},' + good + b"]}"
    )
    assert isinstance(message, Records)
    with pytest.raises(WireError):
        decode_record(message.records[0])
    assert encode(decode_record(message.records[1])) == good
