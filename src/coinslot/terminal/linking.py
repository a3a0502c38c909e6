"""The link: numbers, hello, records in flight one message at a time, and what to do about silence."""

from __future__ import annotations

from enum import Enum, auto

from msgspec import Raw

from coinslot.terminal.actions import Connect, Disconnect, Send
from coinslot.terminal.backoff import backoff_ms
from coinslot.terminal.entries import Acked, LinkUsed, TimeKnown
from coinslot.terminal.scribe import Scribe
from coinslot.wire.messages import (
    MAX_MESSAGE_BYTES,
    MAX_RECORDS,
    Ack,
    Hello,
    Lost,
    Records,
    Up,
    Welcome,
)

HELLO_MS = 5_000
HELLO_CAP_MS = 60_000
SLOW_MS = 3_000
"""A welcome later than this leaves too little of the 15 s that a start may take."""
HELLOS = 4
"""Unanswered hellos before a fresh link: a server that ignores a number too low never answers."""
RESEND_MS = 4_000
RESEND_CAP_MS = 60_000
CONNECT_MS = 1_000
CONNECT_CAP_MS = 120_000
CONNECT_GIVE_UP_MS = 60_000
HEAD_BYTES = 256
"""Room for the head of a `records` message: type, link, epoch, first_seq."""
HIGHEST_JUMP = 20
TIME_STEP_MS = 3_600_000
"""How far the server's time must move before it is noted again."""


class Phase(Enum):
    """Where the connection is."""

    DOWN = auto()
    """Waiting until it is time to connect."""
    CONNECTING = auto()
    """The shell was asked to."""
    GREETING = auto()
    """Connected; hello sent, no welcome yet."""
    UP = auto()
    """Welcomed: records may flow."""
    CLOSED = auto()
    """The program ends; no connection any more."""


class Linking:
    """One connection after the other, each with its own, higher number."""

    def __init__(self, scribe: Scribe, terminal: str, firmware: str) -> None:
        self._scribe = scribe
        self._terminal = terminal
        self._firmware = firmware
        self.phase = Phase.DOWN
        self._due_at = 0
        """When to connect, or to repeat the hello."""
        self._failures = 0
        self._silent_links = 0
        self._hellos = 0
        self._hello_at = 0
        self._renewed = False
        self._next_send = 1
        self._highest_sent = 0
        self._in_flight: tuple[int, int] | None = None
        self._sent_at = 0
        self._tries = 0

    @property
    def number(self) -> int:
        """The number of the present or latest link."""
        return self._scribe.kept.link

    @property
    def is_up(self) -> bool:
        """Whether the server has welcomed us on this link."""
        return self.phase is Phase.UP

    @property
    def link_ms(self) -> int:
        """Link time: since this link's first hello was sent."""
        return self._scribe.now - self._hello_at

    def is_right(self, link: int) -> bool:
        """Whether a command was made for this very link."""
        return link == self.number and self.phase in (Phase.GREETING, Phase.UP, Phase.CLOSED)

    def send(self, message: Up) -> None:
        """Say something now."""
        self._scribe.act(Send(message))

    # ------------------------------------------------------------ the connection

    def connected(self, link: int) -> None:
        """The shell's connection stands: hello is the first word."""
        if self.phase is not Phase.CONNECTING or link != self.number:
            return
        self.phase = Phase.GREETING
        self._hello_at = self._scribe.now
        self._hellos = 0
        self._renewed = False
        self._in_flight = None
        self._greet()

    def lost(self, link: int) -> None:
        """The connection ended: wait, longer each time, then take the next number."""
        if link != self.number or self.phase in (Phase.DOWN, Phase.CLOSED):
            return
        if self.phase is Phase.GREETING:
            self._silent_links += 1
        self.phase = Phase.DOWN
        self._in_flight = None
        wait = backoff_ms(CONNECT_MS, CONNECT_CAP_MS, self._failures, f"{self._terminal}:{link}")
        self._failures += 1
        self._due_at = self._scribe.now + wait

    def flush(self) -> None:
        """Send what may be sent at once: there will be no later tick."""
        if self.is_up:
            self._pump()

    def close(self) -> None:
        """No connection any more."""
        self.phase = Phase.CLOSED

    def hello(self) -> None:
        """The answer to a ping."""
        self.send(
            Hello(
                link=self.number,
                epoch=self._scribe.kept.epoch,
                next_seq=self._scribe.kept.next_seq,
                at_ms=self.link_ms,
                oldest_seq=min(self._scribe.kept.oldest_seq, self._scribe.kept.next_seq),
                boot=self._scribe.kept.boot,
                open_sessions=list(self._scribe.kept.open)[:32],
                firmware=self._firmware,
                offline=[terms.terms for terms in self._scribe.kept.tokens.terms.values()][:32],
            )
        )

    def _connect(self) -> None:
        # A restored journal's numbers are too low and the server will not answer them: after each
        # unanswered link the jump doubles, so that any gap is crossed in a few tries.
        jump = 1 << min(self._silent_links, HIGHEST_JUMP)
        self._scribe.append(LinkUsed(link=self.number + jump))
        self.phase = Phase.CONNECTING
        self._due_at = self._scribe.now + CONNECT_GIVE_UP_MS
        self._scribe.act(Connect(self.number))

    def _greet(self) -> None:
        self.hello()
        wait = backoff_ms(HELLO_MS, HELLO_CAP_MS, self._hellos, f"{self._terminal}:{self.number}")
        self._hellos += 1
        self._due_at = self._scribe.now + wait

    # ------------------------------------------------------------ the server's words

    def welcomed(self, welcome: Welcome) -> bool:
        """What the server has of our records, and its time. Whether this opens the link."""
        scribe = self._scribe
        scribe.wall_offset_ms = welcome.now_ms - scribe.now
        if welcome.now_ms >= scribe.kept.wall_ms + TIME_STEP_MS:
            scribe.note(TimeKnown(wall_ms=welcome.now_ms))
        if welcome.new_epoch:
            # The answer to a repeated hello may order it again: once per link, or for this very epoch.
            if welcome.epoch == scribe.kept.epoch or not self._renewed:
                scribe.new_epoch()
                self._renewed = True
                self._highest_sent = 0
            self.phase = Phase.GREETING
            self._in_flight = None
            self._greet()
            return False
        if welcome.epoch != scribe.kept.epoch or welcome.acked >= scribe.kept.next_seq:
            return False  # not about our records; the hello is repeated and the server asked again
        greeting, self.phase = self.phase is Phase.GREETING, Phase.UP
        self._failures = self._silent_links = 0
        self._highest_sent = max(self._highest_sent, welcome.acked)
        if welcome.acked != scribe.kept.acked:
            scribe.note(Acked(seq=welcome.acked))
        if greeting and self.link_ms > SLOW_MS:
            # The server may count this link from long after we do, and its starts would come expired.
            self.hello()
        if self._in_flight is not None and self._in_flight[0] == welcome.acked + 1:
            return greeting  # the answer to a ping, while these very records are on their way
        self._in_flight = None
        self._tries = 0
        self._next_send = welcome.acked + 1
        return greeting

    def acked(self, ack: Ack) -> None:
        """Records up to a place are the server's; perhaps one is missing there."""
        kept = self._scribe.kept
        if ack.epoch != kept.epoch or not self.is_up or ack.seq > self._highest_sent:
            return  # of another epoch, or of records never sent: believed in nothing
        if ack.seq > kept.acked:
            self._scribe.note(Acked(seq=ack.seq))
            self._tries = 0
        if self._in_flight is not None and ack.seq >= self._in_flight[1]:
            self._in_flight = None
        self._next_send = max(self._next_send, kept.acked + 1)
        if ack.want is not None and ack.want < kept.next_seq:
            self._rewind(ack.want)

    def _rewind(self, want: int) -> None:
        """Send again from a place, and say what is gone between it and the first record still here."""
        kept = self._scribe.kept
        if self._in_flight is not None and self._in_flight[0] == want:
            return  # on its way already: a server that asks in a loop shall not cost a SIM card its month
        first = next((seq for seq in kept.records if seq >= want), kept.next_seq)
        if first > want:
            self.send(Lost(link=self.number, epoch=kept.epoch, from_seq=want, to_seq=first - 1))
        self._highest_sent = max(self._highest_sent, first - 1)
        self._next_send = first
        self._in_flight = None

    # ------------------------------------------------------------ time

    def tick(self) -> None:
        """Connect, greet again, or send records, whichever is due."""
        now = self._scribe.now
        match self.phase:
            case Phase.DOWN:
                if now >= self._due_at:
                    self._connect()
            case Phase.CONNECTING:
                if now >= self._due_at:
                    self._drop()
            case Phase.GREETING:
                if now >= self._due_at and self._hellos >= HELLOS:
                    self._drop()
                elif now >= self._due_at:
                    self._greet()
            case Phase.UP:
                self._pump()
            case Phase.CLOSED:
                pass

    def _drop(self) -> None:
        self._scribe.act(Disconnect())
        self.lost(self.number)

    def _pump(self) -> None:
        kept, now = self._scribe.kept, self._scribe.now
        if self._in_flight is not None:
            if now < self._sent_at:
                return
            self._next_send = self._in_flight[0]
        batch: list[Raw] = []
        first = size = 0
        if self._next_send >= kept.next_seq:
            return
        for seq in range(self._next_send, kept.next_seq):
            raw = kept.records.get(seq)
            if raw is None:
                if batch:
                    break
                continue  # dropped: the server will ask for it and be told so
            size += len(raw) + 1
            if len(batch) == MAX_RECORDS or (batch and size > MAX_MESSAGE_BYTES - HEAD_BYTES):
                break
            first = first or seq
            batch.append(Raw(raw))
        if not batch:
            return
        last = first + len(batch) - 1
        self._tries = self._tries + 1 if self._in_flight is not None else 0
        self._in_flight = (first, last)
        self._highest_sent = max(self._highest_sent, last)
        wait = backoff_ms(RESEND_MS, RESEND_CAP_MS, self._tries, f"{self._terminal}:{first}")
        self._sent_at = now + wait
        self.send(Records(link=self.number, epoch=kept.epoch, first_seq=first, records=batch))
