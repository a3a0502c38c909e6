"""What pages stand on: figures, languages, sealed forms, the policy that names what a page carries."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from datetime import UTC, datetime

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coinslot.keyring import Keyring
from coinslot.web import translations
from coinslot.web.pages import figures, forms, languages, rendering
from coinslot.web.pages.languages import Language

KEYRING = Keyring("a-secret-of-this-installation")


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (0, "CNY", "¥0.00"),
        (93, "CNY", "¥0.93"),
        (-12, "CNY", "−¥0.12"),
        (123456, "CNY", "¥1234.56"),
        (500, "JPY", "JP¥500"),
        (1, "BHD", "BHD 0.001"),
    ],
)
def test_money_is_written_with_its_own_digits(minor: int, currency: str, text: str) -> None:
    assert figures.money(minor, currency) == text


@pytest.mark.parametrize(
    ("numerator", "denominator", "text"),
    [
        (21, 1, "¥0.21"),
        (45, 10, "¥0.045"),
        (1, 3, "¥0.003333"),
        (2, 3, "¥0.006667"),
        (-1, 2, "−¥0.005"),
        (500, 1, "¥5.00"),
    ],
)
def test_an_exact_price_shows_as_many_places_as_it_needs(numerator: int, denominator: int, text: str) -> None:
    assert figures.exact_money(numerator, denominator, "CNY") == text


@given(st.integers(0, 10**9))
def test_litres_never_run_ahead_of_the_meter(ml: int) -> None:
    whole, part = figures.litres(ml).split(".")
    assert 0 <= ml - (int(whole) * 1000 + int(part) * 100) < 100


@pytest.mark.parametrize(
    ("ms", "text"), [(0, "0:00"), (143_999, "2:23"), (3_600_000, "1:00:00"), (-5, "0:00")]
)
def test_durations(ms: int, text: str) -> None:
    assert figures.duration(ms) == text


def test_a_moment_is_told_by_the_clock_at_the_appliance() -> None:
    at = datetime(2026, 11, 22, 16, 7, tzinfo=UTC)
    assert figures.moment(at, "Asia/Shanghai", Language.EN) == "2026-11-23 00:07"
    assert figures.moment(at, "Asia/Shanghai", Language.ZH) == "2026年11月23日 00:07"


@pytest.mark.parametrize(
    ("asked", "kept", "accepted", "chosen"),
    [
        ("en", "zh", "zh-CN", Language.EN),
        (None, "en", "zh-CN", Language.EN),
        ("xx", None, "en-GB,en;q=0.9", Language.EN),
        (None, None, "fr,en;q=0.5", Language.EN),
        (None, None, "", Language.ZH),
        (None, "'; DROP", "*", Language.ZH),
    ],
)
def test_the_language_is_what_was_asked_kept_or_preferred(
    asked: str | None, kept: str | None, accepted: str, chosen: Language
) -> None:
    assert languages.choose(asked, kept, accepted) is chosen


def test_every_text_of_the_pages_is_translated() -> None:
    assert list(translations.faults(Language.ZH)) == []


@pytest.mark.parametrize("token", ["a" * 32, "b" * 32])
def test_a_form_is_sealed_for_its_browser_alone(token: str) -> None:
    sealed = forms.seal(KEYRING, token)
    assert forms.is_sealed(KEYRING, token, sealed)
    assert not forms.is_sealed(KEYRING, token + "x", sealed)
    assert not forms.is_sealed(Keyring("another-installation-secret"), token, sealed)
    assert sealed != forms.seal(KEYRING, token)


@given(st.text(max_size=60))
def test_no_other_text_is_a_seal(text: str) -> None:
    assert not forms.is_sealed(KEYRING, "a" * 32, text)


@pytest.mark.parametrize("name", sorted(path.name for path in rendering.ASSETS.iterdir()))
def test_the_policy_names_exactly_what_a_page_carries(name: str) -> None:
    one = rendering.asset(name)
    digest = base64.b64encode(hashlib.sha256(one.text.encode()).digest()).decode()
    assert one.source == f"'sha256-{digest}'"
    assert "</s" not in one.text


def test_nothing_is_loaded_from_elsewhere() -> None:
    elsewhere = re.compile(r"(?:src|href|url\()\s*=?\s*[\"']?\s*(?:https?:)?//", re.IGNORECASE)
    for folder in (rendering.TEMPLATES, rendering.ASSETS):
        for path in folder.rglob("*"):
            if path.is_file():
                assert not elsewhere.search(path.read_text(encoding="utf-8")), path


def test_a_policy_allows_no_script_that_was_not_written_by_us() -> None:
    policy = rendering.policy(("base.css",), (), "'none'")
    assert "script-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert "default-src 'none'" in policy


def test_a_page_goes_in_the_best_encoding_the_browser_takes() -> None:
    body = b"<p>water</p>" * 100
    packed, name = rendering.compress(body, "gzip, deflate, br;q=1.0")
    assert (name, brotli.decompress(packed)) == ("br", body)
    packed, name = rendering.compress(body, "gzip")
    assert (name, gzip.decompress(packed)) == ("gzip", body)
    assert rendering.compress(body, "") == (body, None)
