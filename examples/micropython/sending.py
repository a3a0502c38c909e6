"""Records on their way: in order, at most 16 to a message, one message in flight, again until the ack."""

import json
from random import getrandbits

from words import MAX_BYTES

MAX_RECORDS = 16
RESEND_MS = 4000
LONGEST_MS = 60000
HEAD_BYTES = 200


def jittered(base_ms, attempt):
    """Between half and the whole of base x 2^attempt, at most a minute: 5000 terminals must not come back at once."""
    whole = min(LONGEST_MS, base_ms << min(attempt, 10))
    return whole // 2 + getrandbits(16) * (whole // 2) // 65536


class Sending:
    def __init__(self, memory):
        self._memory = memory
        self._flight = None  # (first, last) of the records that wait for their ack
        self._next = 1
        self._due = self._tries = 0

    def begin(self):
        """A new link or a new epoch: nothing is on its way."""
        self._flight = None
        self._tries = 0

    def welcomed(self):
        """What the server has is known now; what is on its way already is not begun anew."""
        if self._flight is None:
            self._next = self._memory.acked + 1

    def acked(self, seq, want):
        """The ack of this epoch. What is asked for again and gone: (from, to); else None."""
        memory = self._memory
        if seq > memory.acked:
            memory.acknowledge(seq)
        if self._flight is not None and seq >= self._flight[1]:
            self.begin()
        self._next = max(self._next, memory.acked + 1)
        if want is None or want >= memory.next_seq:
            return None
        first = max(want, memory.oldest_seq)
        self._flight, self._next = None, first
        return (want, first - 1) if first > want else None

    def message(self, now):
        """The bytes that are to be sent now, or None."""
        memory = self._memory
        if self._flight is not None:
            if now < self._due:
                return None
            self._next = self._flight[0]
            self._tries += 1
        first = self._next = max(self._next, memory.oldest_seq)
        batch, size = [], HEAD_BYTES
        for seq in range(first, memory.next_seq):
            size += len(memory.records[seq].encode()) + 1
            if len(batch) == MAX_RECORDS or size > MAX_BYTES:
                break
            batch.append(memory.records[seq])
        if not batch:
            return None
        self._flight = (first, first + len(batch) - 1)
        self._due = now + jittered(RESEND_MS, self._tries)
        # The records are text already, and must travel as the very same bytes each time.
        head = json.dumps({"type": "records", "link": memory.link, "epoch": memory.epoch, "first_seq": first})
        return (head[:-1] + ', "records": [' + ",".join(batch) + "]}").encode()
