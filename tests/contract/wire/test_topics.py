"""A topic belongs to one terminal and one channel, or it is none of ours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coinslot.wire.ids import TerminalId, is_id, new_id
from coinslot.wire.topics import Channel, every, parse_subject, subject, topic

ids = st.from_regex(r"[A-Za-z0-9_-]{1,40}", fullmatch=True).map(TerminalId)
HOSTILE = [
    "",
    "+",
    "#",
    "*",
    ">",
    "a/b",
    "a.b",
    "a b",
    "a+",
    "$SYS",
    "é",
    "a\n",
    "a\0",
    "x" * 41,
    "../up",
    "a\u202e",
]


@given(ids, st.sampled_from(Channel))
def test_a_subject_is_parsed_back(terminal: TerminalId, channel: Channel) -> None:
    assert parse_subject(subject(terminal, channel)) == (terminal, channel)
    assert topic(terminal, channel) == subject(terminal, channel).replace(".", "/")
    assert topic(terminal, channel) == f"coinslot/1/{terminal}/{channel.value}"


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("channel", Channel)
def test_an_id_that_could_widen_a_topic_is_refused(text: str, channel: Channel) -> None:
    assert not is_id(text)
    for build in (topic, subject):
        with pytest.raises(ValueError, match="not a terminal id"):
            build(TerminalId(text), channel)
    with pytest.raises(ValueError, match=r".+"):
        parse_subject(f"coinslot.1.{text}.{channel.value}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "...",
        "coinslot.1.t",
        "coinslot.1.t.up.x",
        "coinslot.1.t.sideways",
        "coinslot.2.t.up",
        "Coinslot.1.t.up",
        "coinslot.1.t.UP",
        "coinslot.1.t.up\n",
        "coinslot/1/t/up",
        every(Channel.UP),
        "x" * 100_000,
    ],
)
def test_another_subject_is_none_of_ours(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_subject(text)


@given(st.text(max_size=60))
def test_any_text_is_a_subject_or_a_value_error(text: str) -> None:
    try:
        terminal, channel = parse_subject(text)
    except ValueError:
        return
    assert subject(terminal, channel) == text


def test_new_ids_are_ids_and_differ() -> None:
    made = {new_id("trm") for _ in range(1_000)}
    assert len(made) == 1_000
    assert all(is_id(one) for one in made)
