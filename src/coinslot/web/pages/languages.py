"""Which language a page speaks, and its words: from the .po files, read once."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Final

from babel.messages.pofile import read_po

LOCALE: Final = Path(__file__).parent.parent / "locale"
COOKIE: Final = "cs_lang"


class Language(StrEnum):
    """The languages that are complete."""

    ZH = "zh"
    """The default: most customers read it."""
    EN = "en"
    """The language of the sources themselves."""

    @property
    def tag(self) -> str:
        """For `<html lang>`."""
        return "zh-CN" if self is Language.ZH else "en"

    @property
    def other(self) -> Language:
        """The one a page offers to change to."""
        return Language.EN if self is Language.ZH else Language.ZH


def choose(asked: str | None, kept: str | None, accepted: str) -> Language:
    """What the address asks for, else what was chosen before, else what the browser prefers."""
    for text in (asked, kept):
        if text in ("zh", "en"):
            return Language(text)
    for part in accepted.split(","):
        tag = part.split(";", 1)[0].strip().lower()
        for language in Language:
            if tag == language.value or tag.startswith(f"{language.value}-"):
                return language
    return Language.ZH


class Words:
    """The texts of one language. A text that was not translated speaks English."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._texts: dict[str, str] = {}
        self._plurals: dict[str, str] = {}
        if language is not Language.EN:
            self._read(LOCALE / language.value / "coinslot.po")

    def _read(self, path: Path) -> None:
        with path.open("rb") as file:
            catalog = read_po(file, locale=self.language.value)
        for message in catalog:
            if not message.id or message.fuzzy:
                continue
            match message.id, message.string:
                case (str(one), *_), (str(text), *_) if text:
                    self._plurals[one] = text
                case str(one), str(text) if text:
                    self._texts[one] = text

    def gettext(self, text: str) -> str:
        """`text` in this language."""
        return self._texts.get(text, text)

    def ngettext(self, one: str, many: str, count: int) -> str:
        """`one` or `many`, by the count: English has two forms, Chinese one."""
        if self.language is Language.EN:
            return one if count == 1 else many
        return self._plurals.get(one, one if count == 1 else many)


@lru_cache(maxsize=len(Language))
def words(language: Language) -> Words:
    """The words of a language, read once."""
    return Words(language)


def marked(text: str) -> str:
    """Marks a text for translation where it stands; it is translated where it is shown."""
    return text
