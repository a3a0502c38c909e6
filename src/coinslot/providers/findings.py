"""What may be wrong with a merchant's settings, said alike for every provider."""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import urlsplit

_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


class Finding(NamedTuple):
    """One thing that is wrong."""

    setting: str
    wrong: str
    remedy: str

    def __str__(self) -> str:
        return f"`{self.setting}` {self.wrong}. {self.remedy}"


class WrongSettings(ValueError):
    """The settings cannot be used; `findings` say why."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("; ".join(map(str, findings)))
        self.findings = findings


def is_loopback(url: str) -> bool:
    """Whether an address is of this machine."""
    return urlsplit(url).hostname in _LOOPBACK
