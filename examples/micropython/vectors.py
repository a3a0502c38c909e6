"""The decoder for `coinslot conformance --vectors "python3 vectors.py"`: a line in, a word out."""

import binascii
import json
import sys

from words import sound_limits, understand

KNOWN = ("welcome", "ack", "start", "stop", "configure", "ping")


def judge(direction, data):
    """`ok`, `refused`, or `skip`: a message that only a server reads, or that this firmware leaves out."""
    if direction != "down":
        return "skip"
    message = understand(data)
    if message is not None:
        return "ok" if message["type"] != "start" or sound_limits(message) else "refused"
    try:
        kind = json.loads(data.decode())["type"]
    except (ValueError, TypeError, KeyError):
        return "refused"
    return "refused" if kind in KNOWN else "skip"


if __name__ == "__main__":
    for line in sys.stdin:
        where, _, text = line.strip().partition(" ")
        print(judge(where, binascii.a2b_base64(text)))
