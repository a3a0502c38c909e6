"""How the provider says no."""

from __future__ import annotations


class Refused(Exception):
    """An error answer."""

    def __init__(
        self,
        status: int,
        code: str,
        words: str,
        *,
        kind: str = "invalid_request_error",
        param: str = "",
        is_kept: bool = True,
    ) -> None:
        super().__init__(f"{status} {code}: {words}")
        self.status = status
        self.code = code
        self.words = words
        self.kind = kind
        self.param = param
        self.is_kept = is_kept
        """Whether the same key is answered alike from now on: what was never begun may be begun again."""

    def content(self) -> dict[str, object]:
        """The answer's body."""
        told = {"type": self.kind, "message": self.words, "code": self.code, "param": self.param}
        return {"error": {name: value for name, value in told.items() if value}}


def wrong(code: str, words: str, param: str = "") -> Refused:
    """A value that this call does not take."""
    return Refused(400, code, words, param=param, is_kept=False)


def missing(what: str, object_id: str) -> Refused:
    """There is no such thing."""
    return Refused(404, "resource_missing", f"No such {what}: '{object_id}'", param="id", is_kept=False)
