"""Values of the merchants file: as they stand there, out of a file (`file:…`) or out of the environment (`env:…`)."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from coinslot.app.merchant_kinds import Form
from coinslot.providers.findings import Finding

FILE: Final = "file:"
ENV: Final = "env:"

_MOST_BYTES: Final = 64 * 1024
_BASE64: Final = re.compile(r"[A-Za-z0-9+/=\s]{300,}")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEYS: Final = frozenset({Form.PRIVATE_KEY, Form.PUBLIC_KEY, Form.PUBLIC_KEYS, Form.NAMED_KEYS})
_PUBLIC: Final = frozenset({Form.TEXT, Form.PUBLIC_KEY, Form.PUBLIC_KEYS, Form.NAMED_KEYS, Form.NAMED_TEXTS})
_FOR_OTHERS: Final = stat.S_IROTH | stat.S_IWOTH


class Unusable(Exception):
    """A value that cannot be had; `finding` says why and never what it is."""

    def __init__(self, setting: str, wrong: str, remedy: str) -> None:
        super().__init__(wrong)
        self.finding = Finding(setting, wrong, remedy)


class Values:
    """Reads the values of one file; notes what others could read or change."""

    def __init__(self, file: Path, environment: Mapping[str, str] = os.environ) -> None:
        self._file = file.absolute()
        self._environment = environment
        self.loose: list[Finding] = []
        """Secrets within anybody's reach: no reason not to start, but to do something about."""

    def read(self, setting: str, form: Form, value: object) -> object:
        """What an adapter takes. Unusable."""
        match form:
            case Form.SECRETS | Form.PUBLIC_KEYS:
                if not isinstance(value, list):
                    raise Unusable(setting, "is not a list", 'Write it as ["…", "…"].')
                return [self._one(setting, form, each) for each in value]
            case Form.NAMED_KEYS:
                if not isinstance(value, dict):
                    raise Unusable(
                        setting, "is not a table", f'Write it as {{ PUB_KEY_ID_… = "{FILE}pub_key.pem" }}.'
                    )
                return [(name, self._one(setting, form, each)) for name, each in value.items()]
            case Form.NAMED_TEXTS:
                if not isinstance(value, dict):
                    raise Unusable(setting, "is not a table", 'Write it as { name = "text" }.')
                return [(name, self._one(setting, form, each)) for name, each in value.items()]
            case _:
                return self._one(setting, form, value)

    def _one(self, setting: str, form: Form, value: object) -> str:
        if not isinstance(value, str):
            raise Unusable(setting, "is not text", "Write it between quotes.")
        secret = form not in _PUBLIC
        if value.startswith(FILE):
            text = self._from_file(setting, value.removeprefix(FILE), secret=secret)
        elif value.startswith(ENV):
            text = self._from_environment(setting, value.removeprefix(ENV))
        else:
            text = value
            if secret and _is_loose(self._file):
                self.loose.append(_loose(setting, self._file))
        text = text.strip()
        if not text:
            raise Unusable(setting, "is empty", "Set it, or leave the line out.")
        if form in _KEYS and "-----BEGIN" not in text and not _BASE64.fullmatch(text):
            where = "holds no key" if text is not value else f"is neither a key nor {FILE}… or {ENV}…"
            raise Unusable(setting, where, f'Name the file with the key, such as "{FILE}key.pem".')
        return text

    def _from_file(self, setting: str, name: str, *, secret: bool) -> str:
        path = self._file.parent / Path(name).expanduser()
        again = f"Correct the path; it counts from {self._file.parent}."
        if not name or not path.exists():
            raise Unusable(setting, f"names {path}, which does not exist", again)
        if not path.is_file():
            raise Unusable(setting, f"names {path}, which is no file", again)
        try:
            with path.open("rb") as file:
                raw = file.read(_MOST_BYTES + 1)
        except OSError as error:
            raise Unusable(
                setting,
                f"names {path}, which cannot be read: {error.strerror}",
                "Make it readable for the user that the server runs as, and for nobody else.",
            ) from None
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = ""
        if len(raw) > _MOST_BYTES or "\0" in text or (raw and not text):
            raise Unusable(setting, f"names {path}, which holds no text of a key", again)
        if secret and _is_loose(path):
            self.loose.append(_loose(setting, path))
        return text

    def _from_environment(self, setting: str, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise Unusable(
                setting, f"is {ENV} and no name", f"Write it as {ENV} and the variable's name, without a $."
            )
        if name not in self._environment:
            raise Unusable(
                setting,
                f"names {name}, which is not in the environment",
                f"Set {name} where the server is started, in its service for example.",
            )
        return self._environment[name]


def _is_loose(path: Path) -> bool:
    return bool(path.stat().st_mode & _FOR_OTHERS)


def _loose(setting: str, path: Path) -> Finding:
    return Finding(
        setting,
        f"stands in {path}, which everybody on this machine can read or change",
        f"Run: chmod o= {path}",
    )
