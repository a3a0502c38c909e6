"""A connection that goes nowhere but to the test."""

from __future__ import annotations

from coinslot.terminal.agent import Agent
from coinslot.wire.codec import encode
from coinslot.wire.messages import Ack, Down, Hello, Records, Up, Welcome


class FakeConnection:
    """Answers like a server that agrees with everything, when told to."""

    def __init__(self, *, answers: bool = True) -> None:
        self.answers = answers
        self.sent: list[Up] = []
        self.links: list[int] = []
        self.closed = False
        self._agent: Agent | None = None

    def listen(self, listener: Agent) -> None:
        self._agent = listener

    def connect(self, link: int) -> None:
        self.links.append(link)
        if self.answers and self._agent is not None:
            self._agent.link_up(link)

    def send(self, message: Up) -> None:
        self.sent.append(message)
        if not self.answers:
            return
        match message:
            case Hello(link=link, epoch=epoch, next_seq=next_seq):
                self.say(Welcome(link=link, now_ms=1_800_000_000_000, epoch=epoch, acked=next_seq - 1))
            case Records(link=link, epoch=epoch, first_seq=first, records=records):
                self.say(Ack(link=link, epoch=epoch, seq=first + len(records) - 1))
            case _:
                pass

    def say(self, message: Down) -> None:
        assert self._agent is not None
        self._agent.received(encode(message))

    def disconnect(self) -> None:
        pass

    async def close(self) -> None:
        self.closed = True
