"""The wall presses, breaks and pays for anybody: only the demo has it, and nothing that can be set brings it elsewhere."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import httpx
import pytest

from tests.support.demonstration import ROOT, demonstrating
from tests.support.engines import engine_folder
from tests.support.served import serving

pytestmark = pytest.mark.timeout(180)

WALL = (
    "/wall",
    "/wall/events",
    "/wall/state",
    "/wall/stop",
    "/wall/keys",
    "/wall/guess",
    "/wall/trouble",
    "/wall/counter",
    "/wall/choose",
    "/wall/back",
    "/wall/room",
    "/wall/desk",
    "/wall/kiosk",
)
PAGE = {"Accept": "text/html"}


@pytest.mark.long
def test_a_server_has_no_wall_even_when_it_is_told_to_be_a_demo() -> None:
    with (
        engine_folder() as folder,
        serving(folder / "data", COINSLOT_DEMO="true") as served,
        httpx.Client(base_url=served.ready.http, headers=PAGE, timeout=10) as http,
    ):
        for path in WALL:
            for method in ("GET", "POST"):
                answer = http.request(method, path)
                nowhere = http.request(method, "/nowhere")
                assert (answer.status_code, answer.text) == (404, nowhere.text), path
        assert http.get("/").status_code == 200


def test_nothing_but_the_demo_makes_a_wall() -> None:
    app = ROOT / "src" / "coinslot"
    makers = {
        str(path.relative_to(app))
        for path in app.rglob("*.py")
        if re.search(r"\bDemoWall\(|\bwall=(?!None\b)", path.read_text(encoding="utf-8"))
    }
    assert makers == {"app/demo_run.py", "app/demo_server.py"}
    # The stack passes on what it was given, and what it is given by default is nothing.
    assert "wall: Callable[[Stack], WallPort] | None = None" in (app / "app/stack_options.py").read_text(
        encoding="utf-8"
    )


def qr_paths(url: str) -> tuple[list[str], int]:
    """Where the wall's codes lead, and how the first of those pages answers."""
    with httpx.Client(base_url=url, headers=PAGE, timeout=10) as http:
        found = re.findall(r'href="(/m/[^"]+)"', http.get("/wall").text)
        return found, http.get(found[0]).status_code


@pytest.mark.long
def test_its_address_comes_first_and_its_codes_are_the_same_after_the_next_start() -> None:
    with engine_folder() as folder:
        data: Path = folder / "data"
        with demonstrating(data, "--no-customers") as demo:
            url = demo.until("open http").split()[-1].removesuffix("/wall")
            demo.until("ready after")
            assert not any(
                "web and API" in line for line in demo.said[: demo.said.index(f"✓ open {url}/wall")]
            )
            before, status = qr_paths(url)
            assert (len(before), status) == (10, 200)
            assert httpx.get(url, headers=PAGE).headers["location"] == "/wall"
            assert demo.end(signal.SIGTERM) == 0
        with demonstrating(data, "--no-customers", "--real-name") as again:
            url = again.until("open http").split()[-1].removesuffix("/wall")
            again.until("ready after")
            assert qr_paths(url) == (before, 200)


@pytest.mark.long
def test_on_all_addresses_it_says_who_can_use_it_and_its_codes_lead_to_one_that_phones_reach() -> None:
    with (
        engine_folder() as folder,
        demonstrating(folder / "data", "--no-customers", "--host", "0.0.0.0") as demo,
    ):
        url = demo.until("open http").split()[-1].removesuffix("/wall")
        demo.until("anybody in this network")
        demo.until("ready after")
        assert "0.0.0.0" not in url
        assert f'data-url="{url}/m/' in httpx.get(f"{url}/wall", timeout=10).text


def test_a_host_that_is_not_ours_is_named() -> None:
    with engine_folder() as folder, demonstrating(folder / "data", "--host", "192.0.2.77") as demo:
        assert demo.end() == 1
        assert "cannot listen on 192.0.2.77" in demo.text
