"""How the provider says no."""

from __future__ import annotations

from typing import Final

_WORDS: Final = {
    "20000": "Service Currently Unavailable",
    "40001": "Missing Required Arguments",
    "40002": "Invalid Arguments",
    "40003": "Invalid Condition",
    "40004": "Business Failed",
    "40005": "Call Limited",
    "40006": "Insufficient Permissions",
}


class Refused(Exception):
    """An error answer: its family's code, the finer code, words."""

    def __init__(self, code: str, sub_code: str, words: str = "") -> None:
        super().__init__(f"{code} {sub_code}: {words}")
        self.code = code
        self.sub_code = sub_code
        self.words = words

    def content(self) -> dict[str, object]:
        """The answer's value."""
        return {
            "code": self.code,
            "msg": _WORDS.get(self.code, "Error"),
            "sub_code": self.sub_code,
            "sub_msg": self.words,
        }


class NotLetIn(Refused):
    """The gateway itself refuses, and does not sign that."""


def failed(sub_code: str, words: str) -> Refused:
    """Business Failed."""
    return Refused("40004", sub_code, words)


def wrong_value(words: str) -> Refused:
    """A value of biz_content that this call does not take."""
    return failed("ACQ.INVALID_PARAMETER", words)
