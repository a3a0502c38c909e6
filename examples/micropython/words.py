"""What the server says: bytes to a message, or to nothing. Nothing that is not whole and sound is acted upon."""

import json

MAX_BYTES = 4096
BIGGEST = 2**53 - 1
LIMITS = ("ml", "s", "wh", "count", "idle_s")
_SIGNS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"


def is_number(value, least=0, most=BIGGEST):
    """A whole number: never true, false, or one with a point."""
    return type(value) is int and least <= value <= most


def is_id(value):
    return isinstance(value, str) and 1 <= len(value) <= 40 and all(sign in _SIGNS for sign in value)


_NEEDED = {
    "welcome": (("now_ms", is_number), ("epoch", is_id), ("acked", is_number)),
    "ack": (("epoch", is_id), ("seq", is_number)),
    "start": (("command", is_id), ("session", is_id), ("outlet", lambda value: is_number(value, 0, 255))),
    "stop": (("session", is_id),),
    "configure": (),
    "ping": (),
}


def understand(data):
    """The message as a dict, or None: too long, no JSON, of a type that this firmware does not know, or not sound.

    Of a `start` only the head is looked at here: one with bad limits must be declined, not dropped.
    """
    if len(data) > MAX_BYTES:
        return None
    try:
        message = json.loads(data.decode())
    except (ValueError, RuntimeError, MemoryError):  # RuntimeError: nested too deep
        return None
    if not isinstance(message, dict):
        return None
    kind = message.get("type")
    if not isinstance(kind, str) or kind not in _NEEDED or not is_number(message.get("link"), 1):
        return None
    for name, sound in _NEEDED[kind]:
        if not sound(message.get(name)):
            return None
    for name, least in (("want", 1), ("watch_s", 0)):
        if message.get(name) is not None and not is_number(message[name], least):
            return None
    return message


def sound_limits(start):
    """The limits of a start, or None: each must be there, whole, finite and above 0, and the expiry with them."""
    limits = start.get("limits")
    if not isinstance(limits, dict) or not is_number(start.get("expires_at_ms")):
        return None
    for name in LIMITS:
        if not is_number(limits.get(name), 1):
            return None
    return {name: limits[name] for name in LIMITS}


class Config:
    """What an operator may set, out of a `welcome` or `configure`; what is not there or not sound is as usual."""

    def __init__(self, message):
        config = message.get("config")
        self._given = config if isinstance(config, dict) else {}
        self.checkpoint_ms = self._ms("checkpoint_s", 10, 1, 600)
        self.readings_ms = self._ms("readings_s", 10, 1, 600)
        self.idle_ms = self._ms("idle_readings_s", 300, 10, 86400)
        self.watch_ms = self._ms("watch_readings_s", 1, 1, 600)

    def _ms(self, name, usual, least, most):
        value = self._given.get(name)
        return 1000 * (value if is_number(value, least, most) else usual)
