"""The server's log: one line for each event, plain or JSON, on standard error. Never personal data."""

from __future__ import annotations

import logging
import re
import sys
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

import msgspec

from coinslot.app.settings import LogLevel


class LogFormat(StrEnum):
    """How a line looks."""

    PLAIN = "plain"
    """For people."""
    JSON = "json"
    """One object a line, for programs."""


# PostgreSQL puts the offending row's values there, and rows are about people.
_VALUES = re.compile(r"^(DETAIL|CONTEXT|HINT):.*$", re.MULTILINE)
_CHATTY: Final = {
    "uvicorn": logging.WARNING,
    "asyncpg": logging.ERROR,
    "nats": logging.ERROR,
    "asyncio": logging.WARNING,
    # It tells of each request by its URL, and providers put numbers there.
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
}


def set_up_logs(level: LogLevel, form: LogFormat) -> None:
    """Send everything that this process logs to standard error in this form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter() if form is LogFormat.JSON else _PlainFormatter())
    logging.basicConfig(level=level.value.upper(), handlers=[handler], force=True)
    for name, quiet in _CHATTY.items():
        logging.getLogger(name).setLevel(quiet)


class _Formatter(logging.Formatter):
    def text(self, record: logging.LogRecord) -> str:
        """The message and its traceback, without what PostgreSQL tells of rows."""
        text = record.getMessage()
        if record.exc_info:
            text = f"{text}\n{self.formatException(record.exc_info)}"
        return _VALUES.sub(r"\1: left out", text)


class _PlainFormatter(_Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """Such as `08:15:00.123 WARNING link.server: the broker is gone`."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[11:23]
        name = record.name.removeprefix("coinslot.")
        return f"{at} {record.levelname} {name}: {self.text(record)}"


class _JsonFormatter(_Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """One JSON object: at, level, logger, text."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "text": self.text(record),
        }
        return msgspec.json.encode(line).decode()
