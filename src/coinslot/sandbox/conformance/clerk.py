"""What a server would answer: pure, and patient with whatever a wrong terminal says, so that one fault is one fault."""

from __future__ import annotations

from dataclasses import dataclass, field

from coinslot.wire.messages import Ack, Config, Down, Hello, Records, Up, Welcome


@dataclass
class Clerk:
    """Welcomes and acknowledges, unless a rule says to wait."""

    welcomes: bool = True
    """Whether a hello is answered."""
    acks: bool = True
    """Whether records are."""
    renew: bool = False
    """The next hello is told to begin a new epoch; once."""
    config: Config = field(default_factory=Config)
    acked: dict[str, int] = field(default_factory=dict)
    """By epoch."""
    link: int = 0
    """Of the latest hello."""
    epoch: str = ""
    _renewed: str = ""

    def hear(self, message: Up, now_ms: int) -> list[Down]:
        """The answers to one message."""
        if isinstance(message, Hello):
            self.link, self.epoch = message.link, message.epoch
            return [self._welcome(message, now_ms)] if self.welcomes else []
        if isinstance(message, Records) and self.acks:
            last = message.first_seq + len(message.records) - 1
            self.acked[message.epoch] = max(self.acked.get(message.epoch, 0), last)
            return [Ack(link=message.link, epoch=message.epoch, seq=self.acked[message.epoch])]
        return []

    def _welcome(self, hello: Hello, now_ms: int) -> Welcome:
        renew = self.renew or hello.epoch == self._renewed
        if self.renew:
            self.renew, self._renewed = False, hello.epoch
        return Welcome(
            link=hello.link,
            now_ms=now_ms,
            epoch=hello.epoch,
            # A terminal whose journal went back is another rule's business: here it may go on.
            acked=min(self.acked.get(hello.epoch, 0), hello.next_seq - 1),
            new_epoch=renew,
            config=self.config,
        )
