"""Which hosts a sandbox may reach, and at which addresses."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import SandboxError

_PORTS = (80, 443)
_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(\.(?!-)[a-z0-9_-]{1,63})*")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class Denied(Exception):
    """A request that is not carried out; its text says why."""


@dataclass(frozen=True)
class _Rule:
    """A name, "*.suffix" (every name below, not the suffix itself) or address; `port` None for 80 and 443."""

    host: str
    port: int | None

    def allows(self, host: str, port: int) -> bool:
        if port not in (_PORTS if self.port is None else (self.port,)):
            return False
        return host == self.host or (self.host.startswith("*.") and host.endswith(self.host[1:]))


class Allowlist:
    """The hosts of a task's ``allowed_hosts``: names, ``*.suffix`` and addresses, each with ``:port`` or without."""

    def __init__(self, hosts: Sequence[str]) -> None:
        """Parse the entries; none at all allows nothing.

        Raises:
            SandboxError: an entry is none of these.
        """
        self._rules = tuple(map(_rule, hosts))

    def addresses(self, host: str, port: int) -> list[tuple[int, tuple[str, int]]]:
        """Return what to connect to, as (family, address).

        A name is resolved here, and an address that is not public is not taken for one: whoever rules over a name can
        let it point to the host's own network. Such an address must be in the list itself, and be asked for as it is.

        Raises:
            Denied: it is not allowed, or has no address.
        """
        host = _plain(host)
        if not any(rule.allows(host, port) for rule in self._rules):
            raise Denied(f"expected one of the hosts and ports that the task allows, found {host} at port {port}")
        literal = address(host)
        if literal is not None:
            return [(socket.AF_INET if literal.version == 4 else socket.AF_INET6, (str(literal), port))]
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise Denied(f"expected an address of {host}, found none: {error}") from None
        public = [(int(item[0]), (str(item[4][0]), port)) for item in found if is_public(str(item[4][0]))]
        if not public:
            raise Denied(f"expected a public address of {host}, found only others; allow an inner address as itself")
        return public


def split(authority: str) -> tuple[str, int | None]:
    """Return the host and port of "host", "host:port", "[v6]" or "[v6]:port"; the port may be missing.

    Raises:
        ValueError: it is none of these.
    """
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:/?#@\s]+))(?::(\d{1,5}))?", authority, re.ASCII)
    port = int(match[3]) if match is not None and match[3] else None
    if match is None or port == 0 or (port or 0) > 65535 or (match[1] and address(match[1]) is None):
        raise ValueError(f"expected host or host:port, found {authority!r}")
    return _plain(match[1] or match[2]), port


def address(host: str) -> IPAddress | None:
    """Return an address that is written as such, else None."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def is_public(text: str) -> bool:
    """Return whether an address is out in the world, and so is the IPv4 address that it may stand for."""
    ip = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
        if ip in _NAT64:
            inner.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
        if any(one is not None and not is_public(str(one)) for one in inner):
            return False
    return ip.is_global and not ip.is_multicast


def _plain(host: str) -> str:
    host = host.lower().removesuffix(".")
    ip = address(host)
    return host if ip is None else str(ip)


def _rule(entry: str) -> _Rule:
    try:
        host, port = split(entry)
    except ValueError:
        host, port = "", None
    if address(host) is None and _NAME.fullmatch(host.removeprefix("*.")) is None:
        raise SandboxError(
            f'allowed_hosts: expected names, "*.suffix" or addresses, each with ":port" or without, found {entry!r}'
        )
    return _Rule(host, port)
