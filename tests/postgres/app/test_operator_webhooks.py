"""`coinslot operator webhook`, `desk` and rooms, typed as an operator types them."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner

from coinslot.app.cli import command as coinslot
from coinslot.app.errors import Problem

Run = Callable[..., str]


@pytest.fixture
def run(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Type a command; its output, or the Problem it ended in."""
    monkeypatch.setenv("COINSLOT_DATABASE_URL", database_url)
    monkeypatch.setenv("COINSLOT_SECRET_KEY", "the secret of this test's installation")
    monkeypatch.setenv("COINSLOT_PUBLIC_URL", "https://hotel.example")

    def type_it(*words: str) -> str:
        result = CliRunner().invoke(coinslot, ["operator", *words])
        if isinstance(result.exception, Problem):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout

    type_it("create", "Hotels")
    type_it("site", "add", "Hotel am See")
    return type_it


def test_a_hotels_rooms_desk_and_system_are_set_up(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("appliance", "add", "Hotel am See", "dryer", "Dryer", "--room", "801", "--json")
    assert json.loads(run(*words))["room"] == "801"
    assert json.loads(run("appliance", "set-room", "Dryer", "802", "--json"))["room"] == "802"
    with pytest.raises(Problem, match="room"):
        run("appliance", "set-room", "Dryer", "x" * 41)

    made = json.loads(run("desk", "add", "Hotel am See", "Reception", "--json"))
    assert made["link"].startswith("https://hotel.example/desk/open/")
    assert json.loads(run("desk", "link", "reception", "--json"))["link"] != made["link"]
    assert "Reception" in run("desk", "list")
    assert made["link"].rsplit("/", 1)[1] not in run("desk", "list", "--json")
    run("desk", "revoke", "Reception")
    assert json.loads(run("desk", "list", "--json")) == []
    with pytest.raises(Problem, match="no desk"):
        run("desk", "revoke", "Reception")

    url = "https://pms.example.org/coinslot"
    told = json.loads(run("webhook", "add", "PMS", url, "--site", "Hotel am See", "--json"))
    assert told["secret"].startswith("whsec_")
    assert json.loads(run("webhook", "secret", "PMS", "--json"))["secret"] == told["secret"]
    assert json.loads(run("webhook", "secret", "PMS", "--rotate", "--json"))["secret"] != told["secret"]
    assert told["secret"] not in run("webhook", "list", "--json")
    for bad, why in (
        ("http://pms.example.org/", "https"),
        ("https://169.254.169.254/", "never called"),
        ("https://192.168.10.9/", "private"),
    ):
        with pytest.raises(Problem, match=why):
            run("webhook", "add", "Other", bad)
    monkeypatch.setenv("COINSLOT_WEBHOOK_NETWORKS", "192.168.10.0/24")
    run("webhook", "add", "Own house", "http://192.168.10.9:8080/hooks", "--event", "session.settled")

    event = json.loads(run("webhook", "test", "PMS", "--json"))["event_id"]
    assert event in run("webhook", "deliveries", "PMS")
    shown = json.loads(run("webhook", "deliveries", "PMS", "--event", event, "--json"))
    assert (shown["state"], shown["attempts"]) == ("waiting", [])
    run("webhook", "off", "PMS")
    assert json.loads(run("webhook", "deliveries", "--state", "dead", "--json"))[0]["event_id"] == event
    with pytest.raises(Problem, match="switched off"):
        run("webhook", "replay", "PMS", event)
    run("webhook", "on", "PMS")
    assert json.loads(run("webhook", "replay", "PMS", "--dead", "--json")) == {"sent_again": 1}
    assert json.loads(run("webhook", "replay", "PMS", event, "--json")) == {"sent_again": 1}
    run("webhook", "remove", "PMS")
    assert "PMS" not in run("webhook", "list")
