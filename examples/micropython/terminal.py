"""A terminal with one outlet: what it hears, what it does about it, what it says.

The order of things is the whole of it: a line is on disk before its act, the valve shuts before its end is recorded,
a link's number is on disk before it is used.
"""

import json

from memory import RESERVE
from sending import Sending, jittered
from words import Config, sound_limits, understand

OUTLET = 0
FIRMWARE = "micropython-example 1"
HELLO_MS = 5000
SEEP_ML = 20  # through a shut valve within 10 s: more is a fault
QUIET_MS = 60000  # without a drop before a fault is over


class Terminal:
    def __init__(self, memory, board, clock):
        self._memory, self._board, self._clock = memory, board, clock
        board.set(False)  # before anything else
        self._meter = board.ml(clock.ms())
        self._publish = None
        self.welcomed = False
        self._hello_at = self._hello_due = self._hellos = 0
        self._sending = Sending(memory)
        self._renewed = False
        self._config = Config({})
        self._watched_until = self._told_at = 0
        self._began = self._first = self._last = 0  # of the use that runs, in ticks
        self._base_s = 0
        self._checked_at = self._checked_ml = 0
        self._fault = False
        self._seeped = self._seep_at = self._dry_since = 0
        if memory.open is not None:  # the power went in mid-use: the last certain register counts
            self._stopped("power_loss")

    # ------------------------------------------------------------ the link

    def take_link(self):
        """The number of the next connection: on disk before anybody hears it."""
        self._memory.write({"k": "link", "n": self._memory.link + 1})
        return self._memory.link

    def connected(self, publish):
        """The connection stands and is subscribed: hello is the first word, and link time begins."""
        self._publish = publish
        self.welcomed = self._renewed = False
        self._sending.begin()
        self._hellos = 0
        self._hello_at = self._clock.ms()
        self._greet()

    def lost(self):
        """No connection. A use that runs goes on to its limits."""
        self._publish = None
        self.welcomed = False

    def _link_ms(self):
        return self._clock.ms() - self._hello_at

    def _say(self, message):
        if self._publish is not None:
            message["link"] = self._memory.link
            self._publish(json.dumps(message).encode())

    def _greet(self):
        self._hello(0 if self._hellos == 0 else self._link_ms())
        self._hello_due = self._clock.ms() + jittered(HELLO_MS, self._hellos)
        self._hellos += 1

    def _hello(self, at_ms):
        memory = self._memory
        self._say(
            {
                "type": "hello",
                "epoch": memory.epoch,
                "next_seq": memory.next_seq,
                "at_ms": at_ms,
                "oldest_seq": memory.oldest_seq,
                "boot": memory.boot,
                "firmware": FIRMWARE,
                "open_sessions": [] if memory.open is None else [memory.open["session"]],
            }
        )

    # ------------------------------------------------------------ what the server says

    def heard(self, data):
        message = understand(data)
        if message is None:
            return
        kind, memory = message["type"], self._memory
        if kind == "start":
            self._start(message)
        elif message["link"] != memory.link:
            return
        elif kind == "welcome":
            self._welcome(message)
        elif kind == "ack":
            self._ack(message)
        elif kind == "stop":
            self._stop(message["session"])
        elif kind == "configure":
            self._config = Config(message)
            self._watched_until = self._clock.ms() + 1000 * min(3600, message.get("watch_s") or 0)
        elif kind == "ping":
            self._hello(max(1, self._link_ms()))

    def _welcome(self, message):
        memory = self._memory
        if message.get("new_epoch") is True:
            # The answer to a repeated hello may order it again: once on a link, or for this very epoch.
            if message["epoch"] == memory.epoch or not self._renewed:
                memory.begin_epoch()
                self._renewed = True
                self._sending.begin()
            self._greet()
            return
        if message["epoch"] != memory.epoch or message["acked"] >= memory.next_seq:
            return  # not about these records: hello is said again
        self._config = Config(message)
        memory.acknowledge(message["acked"])
        self.welcomed = True
        self._sending.welcomed()

    def _ack(self, message):
        memory = self._memory
        if message["epoch"] != memory.epoch or not self.welcomed or message["seq"] >= memory.next_seq:
            return
        gone = self._sending.acked(message["seq"], message.get("want"))
        if gone is not None:
            self._say({"type": "lost", "epoch": memory.epoch, "from_seq": gone[0], "to_seq": gone[1]})

    # ------------------------------------------------------------ a use

    def _start(self, message):
        memory = self._memory
        if message["command"] in memory.answered:
            return  # it has its answer: one effect, one answer
        limits = sound_limits(message)
        if message["link"] != memory.link:
            reason = "wrong_link"
        elif message["session"] in memory.over:
            reason = "stopped"
        elif limits is not None and self._link_ms() >= message["expires_at_ms"]:
            reason = "expired"
        elif message["outlet"] != OUTLET:
            reason = "no_outlet"
        elif limits is None:
            reason = "limits"
        elif self._fault:
            reason = "fault"
        elif memory.open is not None:
            reason = "busy"
        elif not memory.has_room(RESERVE):
            reason = "journal_full"
        else:
            reason = None
        head = {"command": message["command"], "session": message["session"], "outlet": message["outlet"]}
        if reason is not None:
            if memory.has_room(1):
                self._record("declined", reason=reason, **head)
            return
        self._record("started", limits, registers=dict(memory.registers), **head)
        now = self._clock.ms()
        self._began = self._checked_at = now
        self._first = self._last = 0
        self._base_s = memory.registers["s"]
        self._checked_ml = memory.registers["ml"]
        self._board.set(True)

    def _stop(self, session):
        memory = self._memory
        if memory.open is not None and memory.open["session"] == session:
            self._end("command")
        elif session not in memory.over:
            memory.write({"k": "stop", "session": session})  # a start that comes later is declined

    def _end(self, reason):
        self._board.set(False)
        self._measure()
        self._stopped(reason)

    def _stopped(self, reason):
        memory = self._memory
        self._record(
            "stopped",
            session=memory.open["session"],
            outlet=OUTLET,
            reason=reason,
            start=memory.open["start"],
            registers=dict(memory.registers),
        )

    def _record(self, kind, limits=None, **fields):
        record = {"type": kind, "boot": self._memory.boot, "ticks_ms": self._clock.ms()}
        record.update(fields)
        self._memory.record(record, limits)

    # ------------------------------------------------------------ time

    def turn(self):
        """Some fifty times a second: at 9 litres a minute that is 3 ml."""
        self._measure()
        memory, now = self._memory, self._clock.ms()
        if self._board.stop_pressed() and memory.open is not None:
            self._end("key")
        if memory.open is not None:
            self._keep_limits(now)
        else:
            self._watch_the_shut_valve(now)
        self._tell(now)
        if self._publish is None:
            return
        if not self.welcomed:
            if now >= self._hello_due:
                self._greet()
        else:
            data = self._sending.message(now)
            if data is not None:
                self._publish(data)

    def _measure(self):
        now = self._clock.ms()
        ml = self._board.ml(now)
        gained, self._meter = ml - self._meter, ml
        if gained <= 0:
            return
        memory = self._memory
        memory.registers["ml"] += gained
        if memory.open is None:
            self._seeped += gained
            self._dry_since = now
            return
        self._first = self._first or now
        self._last = now
        memory.registers["s"] = max(memory.registers["s"], self._base_s + (now - self._first) // 1000)

    def _keep_limits(self, now):
        memory = self._memory
        limits, start = memory.open["limits"], memory.open["start"]
        for name in ("ml", "s"):
            if memory.registers[name] - start[name] >= limits[name]:
                self._end("limit")
                return
        if now - (self._last or self._began) >= 1000 * limits["idle_s"]:
            self._end("idle")
        elif (
            now - self._checked_at >= self._config.checkpoint_ms and memory.registers["ml"] > self._checked_ml
        ):
            if memory.has_room(2):  # a checkpoint may be missing; the end may not
                self._checked_at, self._checked_ml = now, memory.registers["ml"]
                self._record(
                    "checkpoint",
                    session=memory.open["session"],
                    outlet=OUTLET,
                    registers=dict(memory.registers),
                )

    def _watch_the_shut_valve(self, now):
        if now - self._seep_at >= 10000:
            self._seep_at, self._seeped = now, 0
        wrong = self._seeped > SEEP_ML or (self._fault and now - self._dry_since < QUIET_MS)
        if wrong != self._fault:
            self._fault = wrong
            self._board.set(False)
            if self._memory.has_room(1):
                self._record(
                    "fault",
                    outlet=OUTLET,
                    code="flow_while_shut",
                    active=wrong,
                    registers=dict(self._memory.registers),
                )

    def _tell(self, now):
        memory = self._memory
        pause = (
            self._config.watch_ms
            if now < self._watched_until
            else (self._config.readings_ms if memory.open is not None else self._config.idle_ms)
        )
        if not self.welcomed or now - self._told_at < pause:
            return
        self._told_at = now
        readings = {
            "type": "readings",
            "outlet": OUTLET,
            "ticks_ms": now,
            "registers": memory.registers,
            "valve_open": memory.open is not None,
        }
        if memory.open is not None:
            readings["session"] = memory.open["session"]
        self._say(readings)
