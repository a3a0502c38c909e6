"""A party's statement as a file: CSV for programs, XLSX for spreadsheets, PDF for people and their archives.

Owns: how a statement is laid out in each, and the letters that PDFs are set in.
Does not decide: what a statement says (settlement/statements), in which words (whoever asks brings them), who may
    have one (web).
Invariants: no I/O but the font; the same statement in the same words gives the same bytes; no text is ever a formula;
    an amount has its currency's decimals and passes through no float of ours; a sign that the font lacks is replaced,
    and logged nowhere.
"""

from coinslot.settlement.exports.wording import Column, Heading, Labels

__all__ = ["Column", "Heading", "Labels"]
