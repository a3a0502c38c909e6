"""All that outlives a loss of power: read from the journal line by line, and changed only by writing a line first."""

import json
from os import urandom

REMEMBERED = 64  # commands answered and sessions over, the latest of each
KEPT = 24  # records that have their ack, kept in case the server asks again
MOST_UNACKED = 120  # some 25 KiB; a use takes 2 records and one for each 10 s
RESERVE = 16  # of these for a use that runs: a new one is declined before
MOST_BYTES = 96 * 1024


def new_id(prefix):
    return prefix + "_" + "".join(["%02x" % byte for byte in urandom(10)])


class Memory:
    def __init__(self, journal):
        self._journal = journal
        self.epoch = ""
        self.next_seq = 1
        self.acked = 0
        self.link = 0
        self.boot = 0
        self.registers = {"ml": 0, "s": 0}
        self.open = None
        self.answered = []
        self.over = []
        self.records = {}
        for entry in journal.load():
            self._fold(entry)
        if journal.damaged or not self.epoch:
            self.begin_epoch()
        self.write({"k": "boot", "n": self.boot + 1})

    def write(self, entry):
        """On disk, then true."""
        self._journal.append(entry)
        self._fold(entry)
        if self._journal.size > MOST_BYTES:
            self._journal.rewrite(self._snapshot())

    def record(self, record, limits=None):
        """A record gets the next number. When this returns it is on disk, and what it is about may be done."""
        self.write({"k": "record", "seq": self.next_seq, "text": json.dumps(record), "limits": limits})

    def acknowledge(self, seq):
        """Not forced: if it is lost, the server says it again."""
        entry = {"k": "acked", "seq": seq}
        self._journal.note(entry)
        self._fold(entry)

    def begin_epoch(self):
        """A new epoch from 1. What had no ack moves into it."""
        unacked = [self.records[seq] for seq in sorted(self.records) if seq > self.acked]
        self.epoch = new_id("ep")
        self.records = {}
        for seq, text in enumerate(unacked):
            self.records[seq + 1] = text
        self.next_seq = len(unacked) + 1
        self.acked = 0
        self._journal.rewrite(self._snapshot())

    def has_room(self, reserve):
        return self.next_seq - 1 - self.acked + reserve <= MOST_UNACKED

    @property
    def oldest_seq(self):
        return min(self.records) if self.records else self.next_seq

    # ------------------------------------------------------------ lines

    def _fold(self, entry):
        kind = entry["k"]
        if kind == "record":
            self._recorded(entry["seq"], entry["text"], entry["limits"])
        elif kind == "acked":
            self.acked = entry["seq"]
            for seq in [seq for seq in self.records if seq <= self.acked - KEPT]:
                del self.records[seq]
        elif kind == "link":
            self.link = entry["n"]
        elif kind == "boot":
            self.boot = entry["n"]
        elif kind == "stop":
            self.over = (self.over + [entry["session"]])[-REMEMBERED:]
        elif kind == "snapshot":
            for name in (
                "epoch",
                "next_seq",
                "acked",
                "link",
                "boot",
                "registers",
                "open",
                "answered",
                "over",
            ):
                setattr(self, name, entry[name])
            self.records = {}
        elif kind == "kept":
            self.records[entry["seq"]] = entry["text"]

    def _recorded(self, seq, text, limits):
        self.records[seq] = text
        self.next_seq = seq + 1
        record = json.loads(text)
        if "registers" in record:
            self.registers = dict(record["registers"])
        if "command" in record:
            self.answered = (self.answered + [record["command"]])[-REMEMBERED:]
        if record["type"] == "started":
            self.open = {"session": record["session"], "start": record["registers"], "limits": limits}
        elif record["type"] == "stopped":
            self.open = None
            self.over = (self.over + [record["session"]])[-REMEMBERED:]

    def _snapshot(self):
        first = {
            "k": "snapshot",
            "epoch": self.epoch,
            "next_seq": self.next_seq,
            "acked": self.acked,
            "link": self.link,
            "boot": self.boot,
            "registers": self.registers,
            "open": self.open,
            "answered": self.answered,
            "over": self.over,
        }
        return [first] + [
            {"k": "kept", "seq": seq, "text": self.records[seq]} for seq in sorted(self.records)
        ]
