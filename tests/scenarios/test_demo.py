"""The demo as somebody meets it: one command, sessions settle, the books hold, and nothing is left behind."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.support.demonstration import END_S, Demonstration, coinslot, demonstrating
from tests.support.engines import engine_folder

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    """A data folder that lasts for this module: most tests are about coming back."""
    with engine_folder() as folder:
        yield folder / "data"


@contextlib.contextmanager
def api(demo: Demonstration) -> Iterator[httpx.Client]:
    """The demo's API, with its key, once it is ready."""
    url = demo.until("web and API").split()[-1]
    key = demo.until("API key").split()[-1]
    demo.until("ready after")
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=f"{url}/api/v1", headers=headers, timeout=10) as client:
        yield client


def listed(data: Path, what: str) -> list[dict[str, str]]:
    """What `coinslot operator … list` says of the running demo."""
    rows: list[dict[str, str]] = json.loads(coinslot(data, "operator", what, "list", "--json").stdout)
    return rows


def until_state(http: httpx.Client, session: str, state: str) -> dict[str, object]:
    """Ask until the session is in this state."""
    deadline = time.monotonic() + 20
    while True:
        found: dict[str, object] = http.get(f"/sessions/{session}").json()
        if found["state"] == state:
            return found
        assert time.monotonic() < deadline, found


def number(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    assert found is not None, text
    return int(found[1])


def test_people_come_pay_and_leave_and_it_ends_by_itself(data: Path) -> None:
    with demonstrating(data, "--speed", "5", "--seconds", "12") as demo:
        demo.until("ready after")
        family = demo.family()
        bill = demo.until("bill ")
        assert demo.end() == 0, demo.text
    assert "Traceback" not in demo.text
    assert re.search(r"\w\*\* \w{3} .*L \d+\.\d\d CNY \(hold \d+\.\d\d, back \d+\.\d\d\)", bill), bill
    assert number(r"(\d+) sessions settled in this run", demo.text) >= 1
    assert "books: sound" in demo.text
    assert len(family) > 2
    assert not psutil.wait_procs(family, timeout=END_S)[1]


def test_a_second_start_finds_everything_again(data: Path) -> None:
    with demonstrating(data, "--no-customers") as first, api(first) as http:
        key = http.headers["Authorization"].split()[-1]
        [appliance] = [one for one in listed(data, "appliance") if one["name"].endswith("Dispenser 2")]
        customer = next(one for one in listed(data, "customer") if one["name"] == "Petra")
        body = {"customer": customer["customer_id"], "appliance": appliance["code"], "outlet": 0}
        begun = http.post("/sessions", json=body, headers={"Idempotency-Key": "kept"})
        assert begun.status_code == 201, begun.text
        before = json.loads(coinslot(data, "operator", "session", "list", "--json").stdout)
        assert first.end(signal.SIGINT) == 0, first.text
    with demonstrating(data, "--no-customers", "--seconds", "0") as second:
        assert second.end() == 0, second.text
    assert number(r"found (\d+) earlier sessions", second.text) == len(before)
    assert key in second.text
    entries = r"books: sound, (\d+) entries"
    assert number(entries, second.text) >= number(entries, first.text) > 0


@pytest.mark.parametrize(
    "how",
    [signal.SIGINT, *(pytest.param(how, marks=pytest.mark.long) for how in (signal.SIGTERM, signal.SIGHUP))],
)
def test_a_signal_ends_it_in_order(data: Path, how: signal.Signals) -> None:
    with demonstrating(data, "--speed", "5") as demo:
        demo.until("start ")
        family = demo.family()
        assert demo.end(how) == 0, demo.text
    assert "Traceback" not in demo.text
    assert "books: sound" in demo.text
    assert not psutil.wait_procs(family, timeout=END_S)[1]


@pytest.mark.long
def test_killed_outright_it_leaves_nothing_and_what_ran_is_settled_at_the_next_start(data: Path) -> None:
    with demonstrating(data, "--no-customers") as demo, api(demo) as http:
        # The one that mishaps of earlier starts have left alone.
        [first] = [one for one in listed(data, "appliance") if one["name"].endswith("Dispenser 1")]
        customer = next(one for one in listed(data, "customer") if one["name"] == "Petra")
        body = {"customer": customer["customer_id"], "appliance": first["code"], "outlet": 0}
        begun = http.post("/sessions", json=body, headers={"Idempotency-Key": "by-hand"})
        assert begun.status_code == 201, begun.text
        session = begun.json()["id"]
        until_state(http, session, "running")
        family = demo.family()
        demo.process.kill()
        demo.process.wait()
        assert not psutil.wait_procs(family, timeout=END_S)[1]
    with demonstrating(data, "--no-customers") as again, api(again) as http:
        bill = until_state(http, session, "settled")
        assert again.end(signal.SIGTERM) == 0, again.text
    assert bill["stop_reason"] == "power_loss"
    assert "books: sound" in again.text


@pytest.mark.long
def test_from_another_shell_commands_and_the_api_meet_the_running_demo(data: Path) -> None:
    with demonstrating(data, "--no-customers") as demo, api(demo) as http:
        verified = coinslot(data, "ledger", "verify")
        assert verified.returncode == 0, verified.stderr
        assert "the running demo" in verified.stderr
        assert "Everything fits" in verified.stdout
        doctor = coinslot(data, "doctor")
        assert doctor.returncode == 0, doctor.stdout
        assert "engines: running" in doctor.stdout
        assert [row["keys"] for row in listed(data, "merchant")] == [True] * 3
        inside = coinslot(data / "demo", "operator", "merchant", "list", "--json")
        assert [row["keys"] for row in json.loads(inside.stdout)] == [True] * 3
        (payments,) = (line.split()[2] for line in demo.said if "✓ payments" in line)
        assert "Payment sandbox" in httpx.get(payments).text
        answer = http.get("/sessions")
        assert answer.status_code == 200
        assert answer.json()["sessions"]


@pytest.mark.long
def test_two_at_once_and_cleaning_under_it_are_refused(data: Path) -> None:
    with demonstrating(data, "--no-customers") as demo:
        demo.until("ready after")
        second = coinslot(data, "demo", "--seconds", "1")
        assert second.returncode == 1
        assert f"process {demo.process.pid}" in second.stderr
        cleaned = coinslot(data, "demo", "--clean")
        assert cleaned.returncode == 1
        assert "nothing was removed" in cleaned.stderr
    assert (data / "demo").is_dir()


@pytest.mark.long
def test_cleaning_removes_the_demo_and_nothing_else(tmp_path: Path) -> None:
    own = tmp_path / "data" / "demo"
    own.mkdir(parents=True)
    (own / "thesis").write_text("mine", encoding="utf-8")
    refused = coinslot(tmp_path / "data", "demo", "--clean")
    assert refused.returncode == 1
    assert "was not made by the demo" in refused.stderr
    assert coinslot(tmp_path / "data", "demo", "--seconds", "1").returncode == 1
    assert (own / "thesis").read_text(encoding="utf-8") == "mine"


@pytest.mark.long
def test_cleaning_is_said(data: Path) -> None:
    done = coinslot(data, "demo", "--clean")
    assert done.returncode == 0
    assert str(data / "demo") in done.stdout
    assert not (data / "demo").exists()
    assert "No demo in" in coinslot(data, "demo", "--clean").stdout
