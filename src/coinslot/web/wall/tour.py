"""The guided tours: of a dispenser, for who registers; of a public bathroom, for who types codes; of a hotel's dryer, for
who only pays. Their words; the page's script ticks them.
"""

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
    fact: str = ""
    """The figure of `port.Facts` that rises when it is done; empty: the script sees it by itself."""


class Tour(Struct, frozen=True, kw_only=True):
    """Steps in their order. `id` is what the script keeps them by."""

    id: str
    name: str
    done: str
    """Said when all of it is done."""
    steps: tuple[Step, ...]


_STEPS: Final = (
    Step(
        id="open",
        fact="codes",
        title=marked("Scan"),
        text=marked(
            "Scan the dispenser's code, or press its button: the appliance's own page appears, as on a phone."
        ),
        target="[data-kind=dispenser] [data-test=open-as-phone]",
    ),
    Step(
        id="register",
        fact="logins",
        title=marked("Register"),
        text=marked(
            "On the phone, enter any mobile number, such as 138 0013 8000. The code it is sent arrives under Messages."
        ),
        target="#messages",
    ),
    Step(
        id="pay",
        fact="payments",
        title=marked("Top up"),
        text=marked("Put cash on that number at the counter. A real phone then has to load its page again."),
        target="#counter",
    ),
    Step(
        id="start",
        fact="starts",
        title=marked("Draw water"),
        text=marked(
            "Press start on the phone. Watch the water and the money: display and phone count alike."
        ),
        target="#phone, [data-kind=dispenser] [data-test=open-as-phone]",
    ),
    Step(
        id="stop",
        fact="ends",
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
_STALL: Final = "[data-stall='1']"
_BATH: Final = (
    Step(
        id="code",
        fact="keypad_codes",
        title=marked("Get a code"),
        text=marked(
            "Open Stall 1 as a phone: register, put ten yuan on the number at the counter, and get a code for the keypad."
        ),
        target=f"{_STALL} [data-test=open-as-phone]",
    ),
    Step(
        id="type",
        fact="typed",
        title=marked("Type it"),
        text=marked(
            "Type it at the stall and confirm with #: with the mouse, or press the stall and use your keyboard. Water runs."
        ),
        target=f"{_STALL} [data-keypad]",
    ),
    Step(
        id="soap",
        fact="pauses",
        title=marked("Soap"),
        text=marked("* shuts the water and nothing counts; * again and it goes on. # ends the shower."),
        target=f"{_STALL} [data-key='*']",
    ),
    Step(
        id="without",
        fact="offline_codes",
        title=marked("Without a link"),
        text=marked(
            "Under Break something, pull the stall's cable. On the phone, a little later, there is a code that needs no link."
        ),
        target=f"{_STALL} [data-trouble=unplugged], {_STALL} .break",
    ),
    Step(
        id="credit",
        fact="offline_uses",
        title=marked("Shower on credit"),
        text=marked(
            "Type its nine digits and #. The stall judges them by itself and lets water run for what the phone page held."
        ),
        target=f"{_STALL} [data-keypad]",
    ),
    Step(
        id="settle",
        fact="offline_bills",
        title=marked("Plug it in"),
        text=marked(
            "End it with #, push the cable back in: what ran is billed, the rest of the hold is back on the balance."
        ),
        target=f"{_STALL} [data-trouble=unplugged], {_STALL} .break",
    ),
)
_HOTEL: Final = (
    Step(
        id="choose",
        fact="orders",
        title=marked("Choose"),
        text=marked("On the dryer's display in room 801, pick a time and a way to pay. No account, no app."),
        target="[data-room=dryer] [data-test=glass]",
    ),
    Step(
        id="scan",
        fact="guest_payments",
        title=marked("Scan and pay"),
        text=marked(
            "Open the code as the payer's phone and pay there: invented money, the provider's real wire."
        ),
        target="[data-room=dryer] [data-payer], #phone",
    ),
    Step(
        id="run",
        fact="guest_starts",
        title=marked("It runs"),
        text=marked(
            "It starts on the provider's word, not on the scan. Watch the watts and the time that is left."
        ),
        target="[data-room=dryer] .body-of",
    ),
    Step(
        id="unplug",
        fact="cut_short",
        title=marked("Unplug it"),
        text=marked(
            "Under Break something, cut the dryer's power, and give it back: it does not begin again by itself."
        ),
        target="[data-room=dryer] [data-trouble=power_cut], [data-room=dryer] .break",
    ),
    Step(
        id="refund",
        fact="refunds",
        title=marked("Money back"),
        text=marked("What was not used goes back to the payer by itself: the display says how much."),
        target="[data-room=dryer] [data-test=glass]",
    ),
)
TOURS: Final = (
    Tour(
        id="campus",
        name=marked("Try it: six steps, three minutes"),
        done=marked("That was the whole way. Now break something."),
        steps=_STEPS,
    ),
    Tour(
        id="bath",
        name=marked("In a public bathroom: a code at the keypad, six steps"),
        done=marked("That was the bathroom. Now type wrong codes until the keypad is locked."),
        steps=_BATH,
    ),
    Tour(
        id="hotel",
        name=marked("In a hotel: pay on the appliance, five steps"),
        done=marked("That was the hotel's way. Now pay for one that cannot start."),
        steps=_HOTEL,
    ),
)
"""In the order in which they stand on the page."""
