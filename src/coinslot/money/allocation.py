"""Exact splitting and the one rounding rule."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction


def allocate(amount: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Split `amount` minor units in proportion to `weights` by largest remainder.

    The parts sum to `amount`; each is within one unit of its exact share; a weight of zero gets
    nothing; equal remainders go to the lower index. A negative amount is split as its opposite, so
    that a reversal undoes every part. ValueError when there is nobody to give to.
    """
    if not weights:
        raise ValueError("allocate needs at least one weight")
    if min(weights) < 0:
        raise ValueError(f"a weight may not be negative: {min(weights)}")
    whole = sum(weights)
    if whole == 0:
        raise ValueError("allocate needs a weight above zero")
    size = abs(amount)
    parts = [size * weight // whole for weight in weights]
    left = size - sum(parts)
    if left:
        # `sorted` is stable: equal remainders keep the order of their indexes.
        by_remainder = sorted(range(len(weights)), key=lambda i: -(size * weights[i] % whole))
        for index in by_remainder[:left]:
            parts[index] += 1
    return tuple(parts) if amount >= 0 else tuple(-part for part in parts)


def share_out(amount: int, fixed: Sequence[int], weights: Sequence[int]) -> tuple[int, ...]:
    """Split `amount` minor units among holders, the n-th of whom has `fixed[n]` and then a part by `weights[n]`.

    Fixed parts come first, in the order given, as far as the amount goes; what they leave is split as `allocate`
    does. The parts sum to `amount`. A negative amount is split as its opposite. ValueError when a part is
    negative, the lists differ in length, or there is nobody to give to.
    """
    if fixed and min(fixed) < 0:
        raise ValueError(f"a fixed part may not be negative: {min(fixed)}")
    left = abs(amount)
    firsts = []
    for part in fixed:
        first = min(part, left)
        left -= first
        firsts.append(first)
    parts = [first + rest for first, rest in zip(firsts, allocate(left, weights), strict=True)]
    return tuple(parts) if amount >= 0 else tuple(-part for part in parts)


def round_half_up(value: Fraction) -> int:
    """The nearest integer; a half goes up, towards plus infinity (0.5 → 1, -0.5 → 0)."""
    return (2 * value.numerator + value.denominator) // (2 * value.denominator)
