"""The guided tour of the first way: scan, register, pay, draw, stop, read. Its words; the page's script ticks it."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from coinslot.web.pages.languages import marked


class Step(Struct, frozen=True, kw_only=True):
    """One thing to do. `id` is what the script knows it by; `target` is the selector of what to press."""

    id: str
    title: str
    text: str
    target: str


STEPS: Final = (
    Step(
        id="open",
        title=marked("Scan"),
        text=marked(
            "Scan the dispenser's code, or press its button: the appliance's own page appears, as on a phone."
        ),
        target="[data-kind=dispenser] [data-test=open-as-phone]",
    ),
    Step(
        id="register",
        title=marked("Register"),
        text=marked(
            "On the phone, enter any mobile number, such as 138 0013 8000. The code it is sent arrives under Messages."
        ),
        target="#messages",
    ),
    Step(
        id="pay",
        title=marked("Top up"),
        text=marked("Put cash on that number at the counter. A real phone then has to load its page again."),
        target="#counter",
    ),
    Step(
        id="start",
        title=marked("Draw water"),
        text=marked(
            "Press start on the phone. Watch the water and the money: display and phone count alike."
        ),
        target="#phone, [data-kind=dispenser] [data-test=open-as-phone]",
    ),
    Step(
        id="stop",
        title=marked("Stop"),
        text=marked("Press the red button on the dispenser, as with wet hands and no phone."),
        target="[data-tap][data-tone=run] [data-test=stop], [data-kind=dispenser] [data-test=stop]",
    ),
    Step(
        id="bill",
        title=marked("Read the bill"),
        text=marked("It is on the phone, and its message is under Messages: open it there."),
        target="#messages",
    ),
)
