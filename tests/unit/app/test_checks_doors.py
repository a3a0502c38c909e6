"""What the doctor finds wrong with certificates and limits."""

from __future__ import annotations

import resource
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from coinslot.app.checks_doors import Shown, check_certificate, check_doors, judge_files
from coinslot.app.findings import Finding, State
from coinslot.app.own_ca import own_tls
from coinslot.app.settings import MqttTls, Settings

NOW = datetime.now(UTC)


@pytest.fixture
def shown(tmp_path: Path) -> Shown:
    """For link.example.org, *.example.net and 192.0.2.7, for three years, under a CA of its own."""
    made = own_tls(tmp_path / "a", ["link.example.org", "*.example.net", "192.0.2.7"])
    return Shown("mqtt certificate", made.cert, made.key, "", tmp_path / "a" / "ca.pem")


def with_host(shown: Shown, host: str) -> Shown:
    return Shown(shown.check, shown.cert, shown.key, host, shown.ca)


def remedied(finding: Finding, words: str) -> bool:
    return finding.state is State.WRONG and bool(finding.remedy) and words in finding.detail


@pytest.mark.parametrize(
    "host", ["", "link.example.org", "LINK.example.org", "a.example.net", "192.0.2.7", "::1", "localhost"]
)
def test_a_good_certificate_is_good_under_each_of_its_names(shown: Shown, host: str) -> None:
    assert check_certificate(with_host(shown, host), NOW).state is State.OK


@pytest.mark.parametrize(
    "host", ["example.org", "x.link.example.org", "a.b.example.net", "example.net", "192.0.2.8"]
)
def test_another_host_is_named(shown: Shown, host: str) -> None:
    assert remedied(check_certificate(with_host(shown, host), NOW), f"is not for {host}")


@pytest.mark.parametrize(
    ("days", "said"),
    [(-2, "valid only from"), (3 * 365 - 13, "expires on"), (3 * 365 + 1, "has expired on")],
)
def test_its_time_is_judged(shown: Shown, days: int, said: str) -> None:
    assert remedied(check_certificate(shown, NOW + timedelta(days=days)), said)


def test_another_key_and_another_ca_are_named(shown: Shown, tmp_path: Path) -> None:
    other = own_tls(tmp_path / "b")
    strange = Shown("c", shown.cert, other.key, "")
    assert remedied(check_certificate(strange, NOW), "is not the key of")
    foreign = Shown("c", shown.cert, shown.key, "", tmp_path / "b" / "ca.pem")
    assert remedied(check_certificate(foreign, NOW), "was not issued by")


@pytest.mark.parametrize("text", [None, "", "no certificate"])
def test_what_cannot_be_read_is_named(shown: Shown, text: str | None) -> None:
    if text is None:
        shown.cert.unlink()
    else:
        shown.cert.write_text(text, encoding="ascii")
    assert remedied(check_certificate(shown, NOW), "cannot be read")


def test_only_certificates_in_use_are_looked_at(tmp_path: Path) -> None:
    plain = list(check_doors(Settings(data_dir=tmp_path)))
    assert [finding.check for finding in plain] == ["open files"]
    own = Settings(data_dir=tmp_path, mqtt_tls=MqttTls.OWN)
    assert [finding.state for finding in check_doors(own)][1:] == [State.SKIPPED]
    made = own_tls(tmp_path / "tls")
    assert [finding.state for finding in check_doors(own)][1:] == [State.OK]
    both = Settings(
        data_dir=tmp_path,
        public_url="https://wash.example.org",
        http_tls_cert=made.cert,
        http_tls_key=made.key,
        mqtt_tls_cert=made.cert,
        mqtt_tls_key=made.key,
    )
    http, mqtt = list(check_doors(both))[1:]
    assert remedied(http, "is not for wash.example.org")
    assert mqtt.state is State.OK


@pytest.mark.parametrize(
    ("files", "state"),
    [(1024, State.WRONG), (16_383, State.WRONG), (16_384, State.OK), (resource.RLIM_INFINITY, State.OK)],
)
def test_few_open_files_are_too_few(files: int, state: State) -> None:
    assert judge_files(files).state is state
