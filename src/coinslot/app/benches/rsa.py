"""What signatures cost by themselves: RSA with 2048 bits over a notification's bytes, on one core."""

from __future__ import annotations

import time
from typing import Final

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

_BITS: Final = 2048
_BYTES: Final = 1_000
"""About a notification."""
_AT_A_TIME: Final = 100


def verifications_per_s(seconds: float = 0.5) -> float:
    """Verifications a second, and nothing else."""
    private = generate_private_key(public_exponent=65537, key_size=_BITS)
    message = b"x" * _BYTES
    signature = private.sign(message, PKCS1v15(), SHA256())
    public = private.public_key()
    done, began = 0, time.perf_counter()
    while (took_s := time.perf_counter() - began) < seconds:
        for _ in range(_AT_A_TIME):
            public.verify(signature, message, PKCS1v15(), SHA256())
        done += _AT_A_TIME
    return done / took_s
