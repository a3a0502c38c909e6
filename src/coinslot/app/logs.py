"""The server's log: one line for each event, plain or JSON, on standard error. Never personal data.

Nothing personal is given to the log. Should an error's own text hold it all the same, two nets catch the
worst: what PostgreSQL tells of rows, and any number long enough to be somebody's phone or identity.
"""

from __future__ import annotations

import logging
import re
import sys
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

import msgspec

from coinslot.app.settings import LogLevel
from coinslot.web.tracing import request_id


class LogFormat(StrEnum):
    """How a line looks."""

    PLAIN = "plain"
    """For people."""
    JSON = "json"
    """One object a line, for programs."""


# PostgreSQL puts the offending row's values there, and rows are about people.
_VALUES = re.compile(r"^(DETAIL|CONTEXT|HINT):.*$", re.MULTILINE)
_LONG_NUMBERS: Final = re.compile(r"[0-9]{10,}[0-9Xx]?")
_CHATTY: Final = {
    "uvicorn": logging.ERROR,  # every scanner's broken request is a warning to it
    "httpx": logging.WARNING,  # at INFO it names addresses with all that is in them
    "asyncpg": logging.ERROR,
    "nats": logging.ERROR,
    "asyncio": logging.WARNING,
    # It tells of each request by its URL, and providers put numbers there.
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
        """The message and its traceback, through both nets."""
        text = record.getMessage()
        if record.exc_info:
            text = f"{text}\n{self.formatException(record.exc_info)}"
        return _LONG_NUMBERS.sub("[number]", _VALUES.sub(r"\1: left out", text))


class _PlainFormatter(_Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """Such as `08:15:00.123 WARNING link.server: the broker is gone`; of a request with its id in brackets."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[11:23]
        name = record.name.removeprefix("coinslot.")
        request = request_id()
        of_request = "" if request is None else f" [{request}]"
        return f"{at} {record.levelname} {name}{of_request}: {self.text(record)}"


class _JsonFormatter(_Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """One JSON object: at, level, logger, text; of a request with its id as request."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "text": self.text(record),
        }
        if (request := request_id()) is not None:
            line["request"] = request
        return msgspec.json.encode(line).decode()
