"""Claiming an identity, reading a configuration, and trusting a server with no clock."""

from __future__ import annotations

import stat
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from ssl import SSLCertVerificationError

import pytest
from msgspec.structs import replace

from coinslot.terminal import config, identity
from coinslot.terminal.clock import BUILD_MS, Clock, VirtualClock
from coinslot.terminal.ports import Hardware, Outlet, Pressed
from coinslot.terminal.settings import Language, OutletSettings, Settings
from coinslot.terminal.simulated import Model, simulate
from coinslot.terminal.trust import check_validity, moment_ms

GIVEN = b'{"terminal_id":"ter_1","secret":"s3cret","mqtt_host":"broker.example","mqtt_port":8883}'


class Claims(BaseHTTPRequestHandler):
    """The server's side of a claim; `good` works, `odd` answers nonsense."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path != "/api/v1/terminals/claim" or b"bad" in body:
            self._answer(409, b'{"error":"this claim code cannot be used"}')
        else:
            self._answer(200, b"<html>" if b"odd" in body else GIVEN)

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    http = ThreadingHTTPServer(("127.0.0.1", 0), Claims)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{http.server_port}/"
    http.shutdown()
    thread.join()
    http.server_close()


def test_a_claim_gives_an_identity_that_only_its_owner_can_read(server: str, tmp_path: Path) -> None:
    claimed = identity.claim(server, "good")
    path = tmp_path / "new" / "identity.json"
    identity.save(path, claimed)
    assert identity.load(path) == claimed
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (claimed.terminal_id, claimed.secret) == ("ter_1", "s3cret")


@pytest.mark.parametrize(
    ("code", "says"),
    [("bad", "refused the claim code .409."), ("odd", "did not answer as a coinslot server")],
)
def test_a_claim_that_fails_says_what_to_do(server: str, code: str, says: str) -> None:
    with pytest.raises(identity.IdentityError, match=says):
        identity.claim(server, code)


def test_a_claim_never_crosses_a_network_in_the_clear() -> None:
    with pytest.raises(identity.IdentityError, match="use https"):
        identity.claim("http://pay.example.org", "good")
    with pytest.raises(identity.IdentityError, match="use https"):
        identity.claim("http://127.0.0.1.example.org", "good")


def test_no_identity_yet_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(identity.IdentityError, match="--claim CODE"):
        identity.load(tmp_path / "identity.json")
    (tmp_path / "identity.json").write_text("{")
    with pytest.raises(identity.IdentityError, match="claim this terminal again"):
        identity.load(tmp_path / "identity.json")


def test_a_configuration_names_outlets_and_language(tmp_path: Path) -> None:
    path = tmp_path / "terminal.toml"
    path.write_text('language = "en"\nsimulated = "shower"\n[[outlets]]\noutlet = 0\nname = "Left"\n')
    read = config.load(path)
    settings = config.settings(read, "ter_1")
    assert (settings.language, settings.outlets[0].name) == (Language.EN, "Left")
    assert set(config.hardware(read, settings, VirtualClock()).outlets) == {0}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("languege = 'en'", "languege"),
        ("journal_bytes = 10", "journal_bytes"),
        ("[[", "terminal.toml"),
        ("[[outlets]]\nstall = [{above_w = 900, to_w = 400}]", "to_w must be more"),
        ("[[outlets]]\nidle_w = 50\nstall = [{above_w = 40, to_w = 90}]", "where stall begins, 40"),
        ("[[outlets]]\nno_load_w = 500\noverload_w = 400", "less than overload_w = 400"),
        ("[[outlets]]\nstall = [{above = 40, to_w = 90}]", "above"),
    ],
)
def test_a_mistake_in_the_configuration_is_named(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "terminal.toml"
    path.write_text(text)
    with pytest.raises(config.ConfigError, match=says):
        config.load(path)


def test_a_driver_that_cannot_be_loaded_is_named() -> None:
    read = config.FileConfig(hardware="no_such_module:make")
    with pytest.raises(config.ConfigError, match=r"package\.module:function"):
        config.hardware(read, config.settings(read, "t1"), VirtualClock())


def test_an_outlet_the_hardware_lacks_is_named(tmp_path: Path) -> None:
    path = tmp_path / "terminal.toml"
    path.write_text('simulated = "shower"\n[[outlets]]\noutlet = 4\n')
    read = config.load(path)
    assert read.simulated is Model.SHOWER
    with pytest.raises(config.ConfigError, match="no outlet 4"):
        config.hardware(read, config.settings(read, "t1"), VirtualClock())


def test_limits_on_power_want_a_sensor_of_it() -> None:
    read = config.FileConfig(
        hardware="tests.unit.terminal.test_setup:without_sensors", simulated=Model.SHOWER
    )
    settings = config.settings(read, "t1")
    config.hardware(read, settings, VirtualClock())
    watched = replace(settings, outlets=(OutletSettings(outlet=0, overload_w=4_000),))
    with pytest.raises(config.ConfigError, match="no sensors there to tell power_w"):
        config.hardware(read, watched, VirtualClock())


class Bare:
    """A shower whose sensors nobody has wired."""

    def __init__(self, clock: Clock) -> None:
        self._shower = simulate(Model.SHOWER, clock)

    @property
    def outlets(self) -> Mapping[int, Outlet]:
        return {0: replace(self._shower.outlets[0], sensors=None)}

    def listen(self, pressed: Callable[[Pressed], None]) -> None:
        self._shower.listen(pressed)


def without_sensors(settings: Settings, clock: Clock) -> Hardware:
    return Bare(clock)


def test_validity_is_judged_at_the_latest_moment_known() -> None:
    assert moment_ms(None, BUILD_MS, 0) == BUILD_MS
    assert moment_ms(0, BUILD_MS, BUILD_MS + 5) == BUILD_MS + 5
    assert moment_ms(BUILD_MS + 9, BUILD_MS, 0) == BUILD_MS + 9


def test_a_certificate_outside_its_validity_is_refused() -> None:
    span = ("Jan  1 00:00:00 2026 GMT", "Jan  1 00:00:00 2027 GMT")
    check_validity(*span, at_ms=1_780_000_000_000)
    for at_ms in (0, 1_700_000_000_000, 1_900_000_000_000):
        with pytest.raises(SSLCertVerificationError, match="not now"):
            check_validity(*span, at_ms=at_ms)
