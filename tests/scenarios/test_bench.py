"""`coinslot bench --quick`: every part is measured, and nothing is left behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from coinslot.app.benches.figures import Figure, Side, Target, judge, percentile, shown
from tests.support.engines import engine_folder


@pytest.mark.long
def test_all_parts_are_measured_and_nothing_is_left(tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    with engine_folder() as folder:
        done = _bench("--quick", "--dir", str(folder), "--json", str(results))
        assert done.returncode == 0, done.stderr
        assert list(folder.iterdir()) == []
    report = json.loads(results.read_text(encoding="utf-8"))
    assert {line["part"] for line in report["figures"]} == {"a", "b", "c", "d", "e", "f", "g"}
    assert all(
        value > 0 for line in report["figures"] if line["part"] not in "de" for value in line["values"]
    )
    assert report["machine"]["fdatasync_us"] > 0
    held = [line["part"] for line in report["figures"] if line["target"]]
    assert len([part for part in held if part != "e"]) == 6
    # Where there is no browser, two of the three cannot be measured.
    assert held.count("e") == (3 if shutil.which("/usr/bin/chromium") else 1)
    assert "(c) a start" in done.stdout
    assert "(f) a guest's payment" in done.stdout


def test_a_part_that_does_not_exist_is_named() -> None:
    done = _bench("--only", "a,z")
    assert done.returncode == 1
    assert "there is no part 'z'" in done.stderr


def _bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "coinslot.app", "bench", *arguments],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
        env={**os.environ, "COLUMNS": "120"},
    )


def test_a_ratio_is_of_medians() -> None:
    figures = [
        Figure(part="a", name="limit", unit="/s", values=[100.0, 300.0, 200.0]),
        Figure(
            part="a",
            name="ours",
            unit="/s",
            values=[90.0, 10.0, 100.0],
            limit="limit",
            target=Target(Side.AT_LEAST, 0.5),
        ),
    ]
    limit, ours = judge(figures)
    assert (limit.ratio, limit.met) == (None, None)
    assert (ours.ratio, ours.met) == (0.45, False)


@pytest.mark.parametrize(("percent", "expected"), [(50, 2.0), (51, 3.0), (99, 4.0), (100, 4.0), (1, 1.0)])
def test_a_percentile_is_a_value_that_was_measured(percent: float, expected: float) -> None:
    assert percentile([4.0, 2.0, 1.0, 3.0], percent) == expected


def test_no_values_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


@pytest.mark.parametrize(
    ("value", "text"), [(12345.6, "12,346"), (100.0, "100"), (1.2345, "1.23"), (0.0, "0")]
)
def test_figures_are_shown_with_what_means_something(value: float, text: str) -> None:
    assert shown(value) == text
