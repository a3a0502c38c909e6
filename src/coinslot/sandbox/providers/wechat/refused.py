"""How the provider says no."""

from __future__ import annotations

from collections.abc import Mapping


class Refused(Exception):
    """An error answer: status, the provider's code, words, and what they are about."""

    def __init__(
        self, status: int, code: str, message: str, detail: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.detail = detail

    def content(self) -> dict[str, object]:
        """The body."""
        content: dict[str, object] = {"code": self.code, "message": self.message}
        return content if self.detail is None else {**content, "detail": self.detail}


def wrong_field(field: str, issue: str) -> Refused:
    """400 PARAM_ERROR about one field of the body."""
    return Refused(
        400, "PARAM_ERROR", f"{field}: {issue}", {"field": field, "issue": issue, "location": "body"}
    )
