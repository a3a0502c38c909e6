"""What a log line shows, and what it never does."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from coinslot.app.logs import LogFormat, set_up_logs
from coinslot.app.settings import LogLevel

PHONE = "13800138000"
ROW = f"duplicate key\nDETAIL:  Key (operator_id, phone)=(opr_1, {PHONE}) already exists."


@pytest.fixture
def root() -> Iterator[None]:
    before = logging.getLogger().handlers[:]
    yield
    logging.getLogger().handlers[:] = before


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("form", list(LogFormat))
def test_what_the_database_tells_of_rows_is_left_out(
    form: LogFormat, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logs(LogLevel.INFO, form)
    try:
        raise ValueError(ROW)
    except ValueError as error:
        logging.getLogger("coinslot.web").error("refused: %s", error, exc_info=True)
    said = capsys.readouterr().err
    assert "duplicate key" in said
    assert PHONE not in said


@pytest.mark.usefixtures("root")
def test_a_json_line_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(LogLevel.INFO, LogFormat.JSON)
    logging.getLogger("coinslot.link").warning("two\nlines")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    line = json.loads(lines[0])
    assert (line["level"], line["logger"], line["text"]) == ("warning", "coinslot.link", "two\nlines")
