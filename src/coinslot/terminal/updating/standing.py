"""Where each kind of update stands, and every change of it: pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

from coinslot.wire.messages import UpdateKind, UpdateStep
from coinslot.wire.statements import Statement, most_bytes

TRIAL_BOOTS = 3
"""Boots in which what is on trial may fail to reach the server."""
TRIAL_MS = 600_000
"""For which it may run in each of them without a welcome."""
UNSTEADY_STARTS = 6
"""Starts in a row that ended before the agent was steady: then what was confirmed is left as well."""
STEADY_MS = 60_000
DETAIL_LENGTH = 64


class Release(Struct, frozen=True, kw_only=True):
    """One artifact that was offered."""

    kind: UpdateKind
    serial: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    version: str
    url: str
    sha256: str
    size: int
    signature: str

    def statement(self, audience: str) -> Statement:
        """What its signature must be over, if it is for this audience."""
        return Statement(
            kind=self.kind,
            serial=self.serial,
            version=self.version,
            sha256=self.sha256,
            size=self.size,
            audience=audience,
        )

    def same_as(self, other: Release | None) -> bool:
        """Whether both are the same artifact, wherever it is to be had."""
        return other is not None and (self.kind, self.serial, self.sha256) == (
            other.kind,
            other.serial,
            other.sha256,
        )


class Told(Struct, frozen=True, kw_only=True):
    """What the server is to know of a kind: said again on each new link."""

    serial: int
    version: str
    step: UpdateStep
    detail: str = ""
    sha256: str = ""


class Trial(Struct, frozen=True, kw_only=True):
    """What was put in place and has not reached the server yet."""

    serial: int
    version: str
    sha256: str = ""
    boots: int = 0
    base: str = ""
    """What was installed by hand when it began to run."""


class Standing(Struct, frozen=True, kw_only=True):
    """One kind. Serial 0 is what was installed by hand."""

    serial: int = 0
    """The highest that was ever confirmed: nothing up to it is taken any more."""
    slot: int = 0
    """The release that runs when none is on trial; 0: what was installed by hand."""
    version: str = ""
    before: int = 0
    """The slot that ran before it."""
    base: str = ""
    """What was installed by hand when `slot` took its place: once that is another, it runs again."""
    starts: int = 0
    """Starts since it was last steady."""
    failed: int = 0
    """The serial that was rolled back last: not tried again."""
    offer: Release | None = None
    """What is being loaded."""
    trial: Trial | None = None
    told: Told | None = None

    @property
    def running(self) -> int:
        """The slot to start from."""
        return self.slot if self.trial is None else self.trial.serial

    @property
    def kept(self) -> frozenset[int]:
        """Slots that must stay."""
        trial = () if self.trial is None else (self.trial.serial,)
        return frozenset((self.slot, self.before, *trial)) - {0}


class Heard(StrEnum):
    """What an announcement asks for."""

    FETCH = "fetch"
    """New: load it."""
    KNOWN = "known"
    """Loaded, on trial, or decided already: say again how it stands."""
    REFUSE = "refuse"
    """Nothing is changed by it."""


def judge(standing: Standing, release: Release) -> tuple[Heard, str]:
    """What to do about an announcement, and why where it is refused. Its signature is not looked at here."""
    told, trial = standing.told, standing.trial
    again = told is not None and (told.serial, told.sha256) == (release.serial, release.sha256)
    decided = release.serial in (standing.serial, standing.failed) or trial is not None
    if again and decided:
        return Heard.KNOWN, ""
    if release.serial <= standing.serial:
        return Heard.REFUSE, f"not newer than serial {standing.serial}, which is in place"
    if release.serial == standing.failed:
        return Heard.REFUSE, "it was rolled back before; sign it with a higher serial"
    if trial is not None:
        return Heard.REFUSE, f"serial {trial.serial} is on trial; offer it again afterwards"
    if release.size > (most := most_bytes(release.kind)):
        return Heard.REFUSE, f"larger than {most} bytes"
    if standing.offer is not None and release.serial < standing.offer.serial:
        return Heard.REFUSE, f"serial {standing.offer.serial} is being loaded"
    return Heard.FETCH, ""


def tell(standing: Standing, release: Release, step: UpdateStep, detail: str = "") -> Standing:
    """With another word for the server."""
    told = Told(
        serial=release.serial,
        version=release.version,
        step=step,
        detail="".join(sign for sign in detail if sign.isprintable())[:DETAIL_LENGTH],
        sha256=release.sha256,
    )
    return replace(standing, told=told)


def fetching(standing: Standing, release: Release) -> Standing:
    """Its signature is proved: to be loaded, over however many boots."""
    return tell(replace(standing, offer=release), release, UpdateStep.FETCHING)


def given_up(standing: Standing, release: Release, why: str) -> Standing:
    """It was not what was announced."""
    return tell(replace(standing, offer=None), release, UpdateStep.REFUSED, why)


def installed(standing: Standing, release: Release) -> Standing:
    """It lies ready: from the next boot on it is on trial."""
    trial = Trial(serial=release.serial, version=release.version, sha256=release.sha256)
    return tell(replace(standing, offer=None, trial=trial, starts=0), release, UpdateStep.INSTALLED)


def started(standing: Standing, base: str) -> Standing:
    """A boot begins; `base` is what is installed by hand now. What failed too often is left."""
    trial = standing.trial
    if trial is not None:
        if trial.boots >= TRIAL_BOOTS:
            return rolled_back(standing, f"not welcomed in {TRIAL_BOOTS} boots")
        if trial.boots and trial.base != base:
            return rolled_back(standing, "something else was installed by hand")
        return replace(standing, trial=replace(trial, boots=trial.boots + 1, base=base))
    if standing.slot and standing.base != base:
        return left(standing, 0, "something else was installed by hand")
    if standing.slot and standing.starts >= UNSTEADY_STARTS:
        return left(standing, standing.before, "it does not stay up any more")
    return replace(standing, starts=standing.starts + 1) if standing.slot else standing


def confirmed(standing: Standing) -> Standing:
    """A server welcomed what is on trial."""
    trial = standing.trial
    if trial is None:
        return standing
    told = _of(trial, UpdateStep.CONFIRMED)
    return replace(
        standing,
        serial=trial.serial,
        slot=trial.serial,
        version=trial.version,
        before=standing.slot,
        base=trial.base,
        starts=0,
        trial=None,
        told=told,
    )


def rolled_back(standing: Standing, why: str) -> Standing:
    """What is on trial goes; what ran before runs again."""
    trial = standing.trial
    if trial is None:
        return standing
    told = _of(trial, UpdateStep.ROLLED_BACK, why)
    return replace(standing, trial=None, failed=trial.serial, told=told, starts=0)


def _of(trial: Trial, step: UpdateStep, detail: str = "") -> Told:
    return Told(serial=trial.serial, version=trial.version, step=step, detail=detail, sha256=trial.sha256)


def steady(standing: Standing) -> Standing:
    """It has run for a while."""
    return replace(standing, starts=0) if standing.starts else standing


def left(standing: Standing, slot: int, why: str) -> Standing:
    """What was confirmed is left for another slot; its serial stays spent."""
    told = Told(serial=standing.slot, version=standing.version, step=UpdateStep.ROLLED_BACK, detail=why)
    return replace(standing, slot=slot, before=0, starts=0, told=told, version="")
