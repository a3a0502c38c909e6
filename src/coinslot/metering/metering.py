"""The rules: each reading moves each register by a believed step, or not at all and with a doubt.

A step is believed when the register could have run that far in the ticks since its last plausible
reading, and all steps of this boot together in the ticks since the first of them, with one second and
one pulse to spare. Seconds of use are held to the second of these only: they run from the first to the last
flow, so that a pause is counted, at once, when the flow comes back.
"""

from __future__ import annotations

from collections.abc import Collection

from msgspec.structs import replace

from coinslot.metering.spec import MeterSpec, RegisterSpec
from coinslot.metering.state import Doubt, DoubtAt, Jump, MeterState, Reading, Track
from coinslot.wire.registers import MAX_COUNT, Register


def begin(reading: Reading) -> MeterState:
    """The state at a session's first reading."""
    tracks = {
        register: replace(_placed(value, reading), from_zero=value == 0)
        for register, value in reading.registers.items()
    }
    return MeterState(start=reading, tracks=tracks)


def advance(state: MeterState, reading: Reading, spec: MeterSpec) -> MeterState:
    """The state after one more reading. Usage never falls, whatever is read."""
    tracks = dict(state.tracks)
    doubts = {DoubtAt(Doubt.ABSENT, register) for register in tracks.keys() - reading.registers.keys()}
    for register, value in reading.registers.items():
        track = tracks.get(register)
        if track is None:
            tracks[register] = _placed(value, reading)
            found: tuple[Doubt, ...] = (Doubt.MISSING_START,)
        else:
            tracks[register], found = _move(track, value, reading, register, spec)
        doubts.update(DoubtAt(doubt, register) for doubt in found)
    return replace(state, tracks=tracks, doubts=_merge(state.doubts, doubts))


def finish(state: MeterState, spec: MeterSpec, priced: Collection[Register]) -> MeterState:
    """The state once the session is over: doubted where a priced register slept through it."""
    seconds = state.tracks.get(Register.S)
    in_use_s = seconds.usage if seconds is not None else 0
    doubts = set()
    for register in priced:
        track = state.tracks.get(register)
        if track is None:
            doubts.add(DoubtAt(Doubt.MISSING_START, register))
        elif register is not Register.S and track.usage == 0 and in_use_s >= spec.frozen_after_s:
            doubts.add(DoubtAt(Doubt.FROZEN, register))
    return replace(state, doubts=_merge(state.doubts, doubts))


def _merge(old: tuple[DoubtAt, ...], new: Collection[DoubtAt]) -> tuple[DoubtAt, ...]:
    return tuple(sorted({*old, *new})) if new else old


def _move(
    track: Track, value: int, reading: Reading, register: Register, specs: MeterSpec
) -> tuple[Track, tuple[Doubt, ...]]:
    """One register by one reading: its new track, and what is doubted about it."""
    spec = specs.of(register)
    if spec.modulus is not None and value >= spec.modulus:
        return track, (Doubt.OUT_OF_RANGE,)
    if track.jump is not None and value >= track.jump.value:
        return _after_jump(track, track.jump, value, reading, register, specs)
    room, doubts = _room(track, reading, register, spec)
    step = value - track.value
    if step < 0 and spec.modulus is not None and _rolled_over(step + spec.modulus, room, spec.modulus):
        return _counted(track, value, step + spec.modulus, reading), (*doubts, Doubt.ROLLED_OVER)
    if step < 0:
        return track, (*doubts, Doubt.BACKWARDS)
    if step <= room:
        return _counted(track, value, step, reading), doubts
    if track.from_zero:
        return _placed(value, reading), (*doubts, Doubt.MISSING_START)
    # The track stays at the last plausible reading, in case this one was only a glitch.
    return replace(track, jump=_jump(track, value, reading)), (*doubts, Doubt.IMPOSSIBLE_RATE)


def _after_jump(
    track: Track, jump: Jump, value: int, reading: Reading, register: Register, specs: MeterSpec
) -> tuple[Track, tuple[Doubt, ...]]:
    """The register went on from where the impossible step led: if it can have, that is its place now.

    Counting from the old place would charge the whole step as soon as enough time had passed to make it
    look slow.
    """
    there = replace(track, value=jump.value, boot=jump.boot, ticks_ms=jump.ticks_ms, jump=None)
    if jump.boot != track.boot:
        there = replace(there, since_ms=jump.ticks_ms, since_usage=track.usage)
    room, doubts = _room(there, reading, register, specs.of(register))
    step = value - jump.value
    if step <= room:
        return _counted(there, value, step, reading), doubts
    return replace(track, jump=_jump(track, value, reading)), (*doubts, Doubt.IMPOSSIBLE_RATE)


def _room(
    track: Track, reading: Reading, register: Register, spec: RegisterSpec
) -> tuple[int, tuple[Doubt, ...]]:
    """The greatest believed step, and a doubt when time itself is unclear."""
    slack = spec.max_per_s + spec.pulse
    if reading.boot > track.boot:
        return spec.unclocked, ()
    if reading.boot < track.boot or reading.ticks_ms < track.ticks_ms:
        # No time has passed that could be proved: the slack of the whole run is all there is.
        return max(0, _whole_run(track, track.ticks_ms, spec)), (Doubt.NO_CLOCK,)
    step = spec.max_per_s * (reading.ticks_ms - track.ticks_ms) // 1000 + slack
    # Many quick readings must not add up their slack.
    whole = _whole_run(track, reading.ticks_ms, spec)
    # Seconds of use stand still in a pause, and the first water after it takes the whole pause in one step.
    room = max(0, whole if register is Register.S else min(step, whole))
    return (min(room, spec.unclocked) if track.from_zero else room), ()


def _whole_run(track: Track, ticks_ms: int, spec: RegisterSpec) -> int:
    """What is left of all that the register can have run in this boot."""
    ran = track.usage - track.since_usage
    return spec.max_per_s * (ticks_ms - track.since_ms) // 1000 + spec.max_per_s + spec.pulse - ran


def _rolled_over(step: int, room: int, modulus: int) -> bool:
    # More than half way round is rather a small step back.
    return 0 <= step <= room and 2 * step < modulus


def _counted(track: Track, value: int, step: int, reading: Reading) -> Track:
    usage = min(track.usage + step, MAX_COUNT)
    from_zero = track.from_zero and step == 0
    if reading.boot > track.boot:
        # Nothing is known of the time before this boot's first reading: the run is counted from here.
        return replace(_placed(value, reading), usage=usage, since_usage=usage, from_zero=from_zero)
    _, ticks_ms = _latest(track, reading)
    return replace(track, value=value, ticks_ms=ticks_ms, usage=usage, from_zero=from_zero, jump=None)


def _placed(value: int, reading: Reading) -> Track:
    """At a place for good, with nothing counted on the way."""
    return Track(value=value, boot=reading.boot, ticks_ms=reading.ticks_ms, since_ms=reading.ticks_ms)


def _jump(track: Track, value: int, reading: Reading) -> Jump:
    return Jump(value, *_latest(track, reading))


def _latest(track: Track, reading: Reading) -> tuple[int, int]:
    """Boot and ticks. Time does not go back, even when ticks do: the same seconds would count twice."""
    return max((track.boot, track.ticks_ms), (reading.boot, reading.ticks_ms))
