"""Whom a network address counts as, wherever something is counted or limited by it.

Owns: that one rule. Does not decide: any limit. Invariants: no I/O.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Network, ip_address


def source_of(address: str) -> str:
    """An IPv4 address itself, an IPv6 one as its /64, which one subscriber has whole."""
    try:
        parsed = ip_address(address.strip().split("%", 1)[0])
    except ValueError:
        return address.strip()  # no address, as from a Unix socket: still one source
    if isinstance(parsed, IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((parsed, 64), strict=False))
