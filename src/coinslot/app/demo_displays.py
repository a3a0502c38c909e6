"""Displays as whoever looks at the wall reads them: an agent's rows in the other language, still no wider than its glass."""

from __future__ import annotations

import re
from typing import Final

from coinslot.people.notices import Language
from coinslot.terminal.layouts import Forms, columns
from coinslot.terminal.phrases import MOST_FORMS, every

_NUMBER: Final = re.compile(r"\d+")


def _forms() -> dict[Language, dict[str, Forms]]:
    """By the language that is wanted: each form of the other one, with what it is called in this one."""
    found: dict[Language, dict[str, Forms]] = {"zh": {}, "en": {}}
    # Where two phrases share a form, the one that says it first has it.
    for at in range(MOST_FORMS):
        for phrase in every():
            if at < len(phrase.en):
                found["zh"].setdefault(phrase.en[at], phrase.zh)
                found["en"].setdefault(phrase.zh[at], phrase.en)
    return found


def _pattern(forms: dict[str, Forms]) -> re.Pattern[str]:
    longest_first = sorted(forms, key=lambda form: (-len(form), form))
    return re.compile("|".join(_one(form) for form in longest_first))


def _one(form: str) -> str:
    # A text of one sign is a label: in front of a figure, and no part of anybody's name.
    behind = "(?= )" if len(form) == 1 else ""
    return re.escape(form).replace(r"\{\}", r"\d+") + behind


_FORMS: Final = _forms()
_PATTERNS: Final = {language: _pattern(forms) for language, forms in _FORMS.items()}


def row_in(row: str, language: Language, most: int) -> str:
    """A display's row in this language, in the longest words that `most` columns hold; figures and names stay."""
    said = [_said(row, language, at) for at in range(MOST_FORMS)]
    return next((text for text in said if columns(text) <= most), said[-1])


def _said(row: str, language: Language, at: int) -> str:
    def in_words(found: re.Match[str]) -> str:
        text = found[0]
        number = _NUMBER.search(text)
        forms = _FORMS[language]
        if text in forms:
            return _form(forms[text], at)
        # Only a form with a number in it is not found as it stands.
        counted = _NUMBER.sub("{}", text, count=1)
        return _form(forms[counted], at).replace("{}", number[0] if number else "")

    return _PATTERNS[language].sub(in_words, row)


def _form(forms: Forms, at: int) -> str:
    return forms[min(at, len(forms) - 1)]
