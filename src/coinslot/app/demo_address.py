"""Where the demo is opened: its port, the same after each start where it can be, and its address for phones."""

from __future__ import annotations

import ipaddress
import socket
from typing import Final

from coinslot.app.errors import Problem

USUAL_PORT: Final = 8080
_ANYWHERE: Final = ("0.0.0.0", "::")
# Never sent to: with a datagram socket `connect` only asks the system which of our addresses it would use.
_FAR_AWAY: Final = {socket.AF_INET: ("192.0.2.1", 9), socket.AF_INET6: ("2001:db8::1", 9)}


def free_port(host: str, usual: int = USUAL_PORT) -> int:
    """The usual port while nobody has it, so that bookmarks and cookies survive a restart; else any free one.

    Another program may take it before we do. OSError when `host` is no address of ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in (usual, 0):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                if port == 0:
                    raise
            else:
                return int(probe.getsockname()[1])
    raise AssertionError("one of the two has returned or raised")


def pick_port(host: str, usual: int = USUAL_PORT) -> int:
    """A port to listen on, the same after each start where it can be. Problem when `host` is not ours."""
    try:
        return free_port(host, usual)
    except OSError as error:
        raise Problem(
            f"cannot listen on {host}: {error.strerror}",
            "Name an address of this machine with --host, or leave it out.",
        ) from error


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def seen_from_outside(host: str) -> str:
    """How others in the network call a server that listens at `host`: for every address, the one we go out with.

    Loopback where there is no network at all.
    """
    if host not in _ANYWHERE:
        return host
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_FAR_AWAY[family])
        except OSError:
            return "::1" if family is socket.AF_INET6 else "127.0.0.1"
        return str(probe.getsockname()[0])


def url(host: str, port: int) -> str:
    """`http://host:port`, as a browser takes it."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
