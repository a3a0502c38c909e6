"""Slowing down who guesses: a bucket of failures for each address, and one for all."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final

from coinslot.addresses import source_of

_MOST_ADDRESSES: Final = 10_000
_EVERYBODY: Final = "*"


@dataclass(slots=True)
class _Bucket:
    left: float
    at_s: float


class Throttle:
    """Allows `burst` failures at once and one more every `every_s`, for one address; `all_burst` and
    `all_every_s` for all of them together. What succeeds costs nothing.
    """

    def __init__(
        self,
        *,
        burst: int,
        every_s: float,
        all_burst: int,
        all_every_s: float,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._one = (burst, every_s)
        self._all = (all_burst, all_every_s)
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def wait_s(self, address: str) -> int:
        """Whole seconds until this address may try again; 0 for now."""
        return max(self._wait(source_of(address), *self._one), self._wait(_EVERYBODY, *self._all))

    def failed(self, address: str) -> None:
        """Note a failure."""
        for name, (burst, every_s) in ((source_of(address), self._one), (_EVERYBODY, self._all)):
            bucket = self._filled(name, burst, every_s)
            bucket.left -= 1
            self._buckets[name] = bucket
            self._buckets.move_to_end(name)
        while len(self._buckets) > _MOST_ADDRESSES:
            self._buckets.popitem(last=False)

    def _wait(self, name: str, burst: int, every_s: float) -> int:
        left = self._filled(name, burst, every_s).left
        return 0 if left >= 1 else math.ceil((1 - left) * every_s)

    def _filled(self, name: str, burst: int, every_s: float) -> _Bucket:
        now_s = self._clock()
        bucket = self._buckets.get(name)
        if bucket is None:
            return _Bucket(burst, now_s)
        return _Bucket(min(burst, bucket.left + (now_s - bucket.at_s) / every_s), now_s)
