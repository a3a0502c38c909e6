"""Keeps the .po files whole: `python -m coinslot.web.translations` updates them, `--check` says what is missing.

The sources speak English: what stands in a template or behind `marked` and `say` is the English text itself.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from coinslot.web.pages.languages import LOCALE, Language

_WEB: Final = Path(__file__).parent
_METHODS: Final = [("**.py", "python"), ("**.html", "jinja2.ext:babel_extract")]
_OPTIONS: Final = {"**.html": {"trimmed": "true"}}
_KEYWORDS: Final = {"_": None, "gettext": None, "ngettext": (1, 2), "say": None, "marked": None}
_PLACE = re.compile(r"%\((\w+)\)s")


def sources() -> Catalog:
    """Every text that pages show, as the sources have it."""
    catalog = Catalog(project="coinslot", fuzzy=False)
    found = extract_from_dir(_WEB, method_map=_METHODS, options_map=_OPTIONS, keywords=_KEYWORDS)
    for filename, _line, text, comments, _context in found:
        catalog.add(text, locations=[(filename, 0)], auto_comments=comments)
    return catalog


def path_of(language: Language) -> Path:
    """The .po file of a language."""
    return LOCALE / language.value / "coinslot.po"


def updated(language: Language) -> Catalog:
    """The language's catalog with new texts added, untranslated, and vanished ones left out."""
    with path_of(language).open("rb") as file:
        catalog = read_po(file, locale=language.value)
    catalog.update(sources(), no_fuzzy_matching=True, update_header_comment=False)
    catalog.obsolete.clear()
    return catalog


def written(catalog: Catalog) -> bytes:
    """The catalog as a .po file, in the order of its texts and without dates, so that only changes differ."""
    buffer = BytesIO()
    write_po(buffer, catalog, width=110, omit_header=True, sort_output=True, no_location=True)
    head = (
        f"# The pages' texts: {language_name(catalog)}.\n"
        'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n'
        f'"Language: {catalog.locale_identifier}\\n"\n"Plural-Forms: nplurals=1; plural=0;\\n"\n\n'
    )
    return head.encode() + buffer.getvalue()


def language_name(catalog: Catalog) -> str:
    """What the catalog's language is called in English."""
    return catalog.locale.english_name if catalog.locale is not None else "unknown"


def faults(language: Language) -> Iterator[str]:
    """What is missing or wrong in a language's file."""
    catalog = updated(language)
    for message in catalog:
        if message.id:
            yield from _faults_of(message)
    with path_of(language).open("rb") as file:
        kept = {_key(message) for message in read_po(file, locale=language.value) if message.id}
    for gone in sorted(kept - {_key(message) for message in sources() if message.id}):
        yield f"no page says this any more: {gone!r}"


def _faults_of(message: Message) -> Iterator[str]:
    texts = message.string if isinstance(message.string, tuple) else (message.string,)
    if not all(texts):
        yield f"not translated: {_key(message)!r}"
        return
    wanted = set(_PLACE.findall(" ".join(message.id) if isinstance(message.id, tuple) else str(message.id)))
    for text in texts:
        if set(_PLACE.findall(str(text))) - wanted:
            yield f"speaks of values that are not there: {_key(message)!r}"


def _key(message: Message) -> str:
    return message.id[0] if isinstance(message.id, tuple) else str(message.id)


def main(arguments: list[str]) -> int:
    """Update all languages, or only check them."""
    wrong = 0
    for language in Language:
        if language is Language.EN:
            continue
        if "--check" not in arguments:
            path_of(language).write_bytes(written(updated(language)))
        for fault in faults(language):
            print(f"{path_of(language).name} ({language.value}): {fault}")
            wrong += 1
    if wrong:
        print("Run `python -m coinslot.web.translations`, translate what is empty, then check again.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
