"""No log where what it would say is wanted, a hundred thousand times."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator


@contextlib.contextmanager
def without_log() -> Iterator[None]:
    """Nothing below `critical` is logged: what is refused or put aside here is part of the plan."""
    logger = logging.getLogger("coinslot")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
