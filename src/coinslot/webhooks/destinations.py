"""Where a webhook may go: what an operator may enter, and what an address must be when it is called. Pure.

A message must not become a way into networks that only this server can reach. So the rule is kept for the address
itself, at each call; what a name led to when it was entered says nothing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Final, TypeAlias
from urllib.parse import SplitResult, urlsplit

from coinslot.fields import FieldError

Address: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"
Network: TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"

MAX_URL: Final = 500
_NEVER: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "169.254.0.0/16",  # link-local, and most clouds' metadata
        "100.100.100.200/32",  # metadata at Alibaba Cloud
        "168.63.129.16/32",  # at Azure
        "192.0.0.0/24",  # at Oracle, and nobody's otherwise
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/128",
        "fe80::/10",
        "fd00:ec2::/32",  # metadata at Amazon, within what is private
        "ff00::/8",
    )
)
_PRIVATE: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
    )
)
_PUBLIC_6: Final = ipaddress.ip_network("2000::/3")
"""All of IPv6 that is given out to the public. What lies beside it may be an IPv4 address in yet another disguise."""
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Networks of private addresses. ValueError names a text that is none."""
    found = []
    for text in texts:
        try:
            network = ipaddress.ip_network(text.strip(), strict=False)
        except ValueError:
            raise ValueError(f"{text[:50]!r} is no network") from None
        if not any(_lies_in(network, private) for private in _PRIVATE):
            raise ValueError(f"{text[:50]!r} is not within the private addresses")
        found.append(network)
    return tuple(found)


def _lies_in(network: Network, whole: Network) -> bool:
    if isinstance(network, ipaddress.IPv4Network) and isinstance(whole, ipaddress.IPv4Network):
        return network.subnet_of(whole)
    if isinstance(network, ipaddress.IPv6Network) and isinstance(whole, ipaddress.IPv6Network):
        return network.subnet_of(whole)
    return False


def check_url(text: str, *, private: Sequence[Network] = ()) -> str:
    """`text` as it will be called. FieldError when it is no https URL, or http where no private network is allowed."""
    url = text.strip()
    if not url.isprintable() or not url.isascii() or " " in url or len(url) > MAX_URL:
        raise FieldError("url", f"must be at most {MAX_URL} plain characters; write other signs as %xx")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise FieldError("url", "cannot be read as a URL") from None
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise FieldError("url", "must begin with https:// and name a host")
    if parts.username is not None or parts.password is not None or parts.fragment or port == 0:
        raise FieldError("url", "must have no user, password or fragment; the signature shows who calls")
    if parts.scheme == "http" and not private:
        raise FieldError(
            "url",
            "must begin with https://; http is for hosts in networks that COINSLOT_WEBHOOK_NETWORKS names",
        )
    address = literal(parts)
    if address is not None and (why := refused(address, parts.scheme, private)):
        raise FieldError("url", why)
    return url


def literal(parts: SplitResult) -> Address | None:
    """The address that the URL itself names; None for a name."""
    try:
        return ipaddress.ip_address((parts.hostname or "").split("%", 1)[0])
    except ValueError:
        return None


def refused(address: Address, scheme: str, private: Sequence[Network]) -> str:
    """Why this address may not be called; empty when it may. `private`: the networks of private addresses allowed."""
    for each in (address, *_within(address)):
        if any(each in net for net in _NEVER if net.version == each.version):
            return f"{address} is never called: it is link-local, a cloud's metadata or no host at all"
    inner = (_within(address) or (address,))[0]
    if any(inner in net for net in _PRIVATE if net.version == inner.version):
        if any(inner in net for net in private if net.version == inner.version):
            return ""
        return f"{address} is private; COINSLOT_WEBHOOK_NETWORKS does not allow it"
    if not inner.is_global or (inner.version == 6 and inner not in _PUBLIC_6):
        return f"{address} is no public address"
    return "" if scheme == "https" else f"{address} is public: only https goes there"


def _within(address: Address) -> tuple[Address, ...]:
    """The IPv4 address that an IPv6 one stands for, by whichever of the schemes."""
    if not isinstance(address, ipaddress.IPv6Address):
        return ()
    if address in _NAT64:
        return (ipaddress.IPv4Address(int(address) & 0xFFFFFFFF),)
    found = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
    return () if found is None else (found,)
