"""The sandbox's own pages: what fails, what was told to whom, what time it is. Markup alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

from coinslot.sandbox.providers.clock import STILL, SandboxClock
from coinslot.sandbox.providers.failures import GROUPS, Described, Group, Takes
from coinslot.sandbox.providers.pages import own_page
from coinslot.sandbox.providers.retries import Try
from coinslot.sandbox.providers.switches import EVERY, Armed
from coinslot.sandbox.providers.words import Words

_LATEST: Final = 100
_STEPS: Final = ((60, "1 minute"), (600, "10 minutes"), (3600, "1 hour"), (86_400, "1 day"))


def failures(armed: Sequence[Armed], keys: Sequence[str], said: str, words: Words) -> str:
    """Every switch, those that are on first said in one line each."""
    on = "".join(f"<li><div>{escape(_told(each, words))}</div></li>" for each in armed)
    off = f'<form method="post"><button name="act" value="off">{words("Turn all off")}</button></form>'
    status = f'<p role="alert" class="dot bad">{words(said)}</p>' if said else ""
    summary = (
        f'<ul class="rows">{on}</ul>{off}'
        if armed
        else f'<p class="dot good">{words("Everything works")}</p>'
    )
    groups = "".join(_group(group, armed, words) for group in GROUPS)
    changes = "".join(
        f'<form method="post" action="/failures/key/{escape(name)}"><button>{words("Change key")}: '
        f"{escape(name)}</button></form>"
        for name in keys
    )
    return own_page(
        "/failures", "Failures", f"<section>{status}{summary}{changes}</section>{groups}", words=words
    )


def new_key(key: Mapping[str, str], words: Words) -> str:
    """What the merchant's settings need from now on."""
    rows = "".join(
        f"<dt>{escape(name)}</dt><dd><code>{escape(text)}</code></dd>" for name, text in key.items()
    )
    title = words("The provider signs with a new key from now on:")
    return own_page(
        "/failures", "Change key", f"<section><p>{title}</p><dl>{rows}</dl></section>", words=words
    )


def notifications(tries: Mapping[str, Sequence[Try]], words: Words) -> str:
    """Every try, newest first."""
    body = ""
    for provider, made in tries.items():
        rows = "".join(_try(each, words) for each in reversed(made[-_LATEST:]))
        none = f"<li>{words('None yet')}</li>"
        body += f'<h2>{escape(provider)}</h2><section><ul class="rows">{rows or none}</ul></section>'
    return own_page("/notifications", "Notifications", body, words=words)


def clock(of: SandboxClock, said: str, words: Words) -> str:
    """The time, and ways to let some pass."""
    speed = (
        words("It moves only by hand") if of.speed == STILL else f"{of.speed:g} {words('times real time')}"
    )
    status = f'<p role="alert" class="dot bad">{words(said)}</p>' if said else ""
    steps = "".join(f'<button name="seconds" value="{step}">{words(name)}</button>' for step, name in _STEPS)
    body = (
        f'<section><p class="amount">{of.now():%Y-%m-%d %H:%M:%S} UTC</p><p class="soft">{speed}</p>{status}'
        f'</section><section><h2>{words("Let time pass")}</h2><form method="post">{steps}</form>'
        f'<form method="post"><label>{words("Seconds")}<input name="seconds" inputmode="numeric" required>'
        f'</label><button class="first">{words("Go")}</button></form></section>'
    )
    return own_page("/clock", "Clock", body, words=words)


def _group(group: Group, armed: Sequence[Armed], words: Words) -> str:
    on = {each.failure for each in armed}
    rows = "".join(_switch(each, group.on, is_on=each.failure in on, words=words) for each in group.failures)
    return f"<h2>{words(group.title)}</h2>{rows}"


def _switch(each: Described, operations: Sequence[str], *, is_on: bool, words: Words) -> str:
    state = f'<span class="dot {"bad" if is_on else ""}">{words("On" if is_on else "Off")}</span>'
    fields = ""
    if operations:
        options = "".join(f"<option>{name}</option>" for name in operations)
        every = f'<option value="{EVERY}">{words("every operation")}</option>'
        fields += f'<label>{words("Operation")}<select name="on">{every}{options}</select></label>'
    fields += (
        f'<label>{words("How often")}<input name="times" inputmode="numeric" '
        f'placeholder="{words("until turned off")}"></label>'
    )
    if each.takes is not Takes.NOTHING:
        kind = ' inputmode="numeric"' if each.takes is Takes.NUMBER else ""
        fields += f'<label>{words("Value")}<input name="value"{kind}></label>'
    off = f'<button name="act" value="off">{words("Turn off")}</button>' if is_on else ""
    return (
        f"<details><summary><span>{words(each.sentence)}</span>{state}</summary>"
        f'<form method="post"><input type="hidden" name="failure" value="{each.failure}">{fields}'
        f'<button name="act" value="on" class="first">{words("Turn on")}</button>{off}</form>'
        f'<p class="soft"><code>{each.failure}</code></p></details>'
    )


def _told(armed: Armed, words: Words) -> str:
    on = words("every operation") if armed.on == EVERY else armed.on
    times = "" if armed.times is None else f" × {armed.times}"
    return f"{armed.failure} · {on}{times}" + (f" · {armed.value}" if armed.value else "")


def _try(made: Try, words: Words) -> str:
    answer = words("no answer") if made.status is None else str(made.status)
    if made.taken:
        after = words("taken")
    elif made.again_at is None:
        after = f"{words('not taken')}, {words('not sent again')}"
    else:
        after = f"{words('not taken')}, {words('again at')} {made.again_at:%m-%d %H:%M:%S}"
    return (
        f'<li><div><span class="dot {"good" if made.taken else "bad"}">{made.at:%m-%d %H:%M:%S} '
        f"{escape(made.label)}</span><span>{answer} · {after}</span></div></li>"
    )
