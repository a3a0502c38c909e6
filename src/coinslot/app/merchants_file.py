"""The merchants file: each merchant's keys, read and judged, one sentence for each thing that is wrong."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from coinslot.app.errors import Problem
from coinslot.app.merchant_kinds import KINDS, Adapter, Kind
from coinslot.app.merchant_values import Unusable, Values
from coinslot.providers.findings import Finding

_TABLE: Final = "merchant"
_NAMES: Final = ("operator", "provider", "account", "app")
_EXAMPLE: Final = "docs/payments.md shows such a file."


class Wrong(NamedTuple):
    """One thing that is wrong with one merchant."""

    merchant: str
    """Such as `wechat 1900000001 of North Campus`."""
    finding: Finding

    @property
    def message(self) -> str:
        """What is wrong; never a value."""
        return f"{self.merchant}: `{self.finding.setting}` {self.finding.wrong}"

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return self.finding.remedy


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One merchant of the file, found right."""

    operator: str
    """Its id or name."""
    provider: str
    account: str
    app: str
    adapter: Adapter

    @property
    def label(self) -> str:
        """For messages."""
        return _label(self.provider, self.account, self.operator)


@dataclass(slots=True)
class Contents:
    """What a file came to."""

    entries: list[Entry] = field(default_factory=list)
    wrong: list[Wrong] = field(default_factory=list)
    """Any of these, and nothing is started with the file."""
    loose: list[Wrong] = field(default_factory=list)
    """Secrets within anybody's reach."""


def read_merchants(path: Path, environment: Mapping[str, str] = os.environ) -> Contents:
    """Everything in the file. Problem when it is no such file at all."""
    contents = Contents()
    tables = _tables(path)
    for number, table in enumerate(tables, 1):
        values = Values(path, environment)
        label, findings = _judge(contents, number, table, values)
        contents.wrong += [Wrong(label, each) for each in findings]
        contents.loose += [Wrong(label, each) for each in values.loose]
    contents.wrong += _doubles(contents.entries)
    return contents


def _tables(path: Path) -> list[object]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise Problem(f"`merchants_file`: {path} does not exist", "Correct the path.") from error
    except OSError as error:
        raise Problem(
            f"`merchants_file`: {path} cannot be read: {error.strerror}",
            "Make it readable for this user, and for nobody else.",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        # The parser names line and column, and repeats nothing but single characters.
        raise Problem(f"{path} is not valid TOML: {error}", "Correct the file.") from error
    strange = sorted(set(content) - {_TABLE})
    if strange:
        raise Problem(f"{path}: `{strange[0]}` stands outside any [[{_TABLE}]]", _EXAMPLE)
    tables = content.get(_TABLE, [])
    if not isinstance(tables, list):
        raise Problem(f"{path}: `{_TABLE}` is one table", f"Write [[{_TABLE}]] above each merchant.")
    return tables


def _judge(contents: Contents, number: int, table: object, values: Values) -> tuple[str, Iterable[Finding]]:
    """Add the merchant if it is right; how it is called, and what is wrong."""
    label = f"[[{_TABLE}]] number {number}"
    if not isinstance(table, dict):
        return label, [Finding(_TABLE, "is no table", f"Write [[{_TABLE}]] above each merchant.")]
    named = {name: table.get(name, "") for name in _NAMES}
    texts = {name: value for name, value in named.items() if isinstance(value, str)}
    if texts.keys() == named.keys() and texts["provider"] and texts["account"]:
        label = _label(texts["provider"], texts["account"], texts["operator"])
    findings = list(_check_names(table, texts))
    if findings:
        return label, findings
    kind = KINDS[texts["provider"]]
    findings = list(_check_settings(kind, table))
    given: dict[str, object] = {kind.account: texts["account"]}
    if kind.app:
        given[kind.app] = texts["app"]
    for setting, form in kind.forms.items():
        if setting in table:
            try:
                given[setting] = values.read(setting, form, table[setting])
            except Unusable as unusable:
                findings.append(unusable.finding)
    if findings:
        return label, findings
    judged = kind.judge(given)
    if not judged.findings:
        entry = Entry(**texts, adapter=judged.make())
        contents.entries.append(entry)
    return label, [each._replace(setting=kind.as_written(each.setting)) for each in judged.findings]


def _check_names(table: Mapping[str, object], texts: Mapping[str, str]) -> Iterator[Finding]:
    for name in _NAMES:
        if name not in texts:
            yield Finding(name, "is not text", "Write it between quotes.")
    provider = texts.get("provider", "")
    for name in ("operator", "provider", "account"):
        if texts.get(name) == "":
            yield Finding(name, "is missing", _EXAMPLE)
    if provider and provider not in KINDS:
        yield Finding("provider", f"is none that keys are for: {', '.join(KINDS)}", "Write one of these.")
    elif provider and not texts.get("app", "-") and KINDS[provider].app:
        yield Finding("app", "is missing", "Set it to the provider's id of the app that is paid in.")


def _check_settings(kind: Kind, table: Mapping[str, object]) -> Iterator[Finding]:
    known = (*_NAMES, *kind.forms)
    for setting in table:
        if setting in (kind.account, kind.app):
            yield Finding(setting, "has another name here", f"Write it as `{kind.as_written(setting)}`.")
        elif setting not in known:
            near = difflib.get_close_matches(setting, known, n=1)
            remedy = (
                f"Did you mean `{near[0]}`?" if near else "Remove it; docs/payments.md lists what there is."
            )
            yield Finding(setting, "is no setting of this provider", remedy)
    for setting in kind.required:
        if setting not in table:
            yield Finding(setting, "is missing", _EXAMPLE)


def _doubles(entries: Iterable[Entry]) -> Iterator[Wrong]:
    """One account's money is one operator's."""
    counted = Counter((entry.provider, entry.account) for entry in entries)
    for entry in entries:
        if counted.pop((entry.provider, entry.account), 1) > 1:
            finding = Finding("account", "stands in the file more than once", "Leave one of them.")
            yield Wrong(entry.label, finding)


def _label(provider: str, account: str, operator: str) -> str:
    return f"{provider} {account}" + (f" of {operator}" if operator else "")
