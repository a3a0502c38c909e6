"""The kiosk: a screen in the hall where whoever has a card and no phone gets a code for a keypad.

Owns: the browser that is a kiosk, how long somebody is known to it, its three pages.
Does not decide: whose card it is (people/cards.py), whether there is a code (settlement/codes).
Invariants: it knows nobody for longer than a minute, and nobody any more once it has shown a code; it shows no phone
    number and no name; a browser that is a kiosk is no front desk.
"""
