"""An error for the person at the keyboard."""

from __future__ import annotations


class Problem(Exception):
    """Printed as two lines, without a traceback: what is wrong, and what to do. Exit code 1."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(f"{message}\n{remedy}")
        self.message = message
        self.remedy = remedy
