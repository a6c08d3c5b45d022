"""Which hosts an allowlist lets through, and which addresses are taken for the world's."""

from __future__ import annotations

import socket

import pytest

from termigen_gym.errors import SandboxError
from termigen_gym.sandbox.allowlist import Allowlist, Denied, is_public, split


@pytest.mark.parametrize(
    ("entry", "host", "port"),
    [
        ("192.0.2.7", "192.0.2.7", 80),
        ("192.0.2.7", "192.0.2.7", 443),
        ("192.0.2.7:8080", "192.0.2.7", 8080),
        ("[2001:DB8::7]:8080", "2001:db8:0::7", 8080),
        ("[::1]", "::1", 80),
        ("2001:db8::7", "", 0),
    ],
)
def test_addresses_are_reached_as_they_are(entry: str, host: str, port: int) -> None:
    if not host:
        with pytest.raises(SandboxError, match="allowed_hosts: expected names"):
            Allowlist([entry])
        return
    ((family, target),) = Allowlist([entry]).addresses(host, port)
    assert family == (socket.AF_INET6 if ":" in host else socket.AF_INET)
    assert target[1] == port
    with pytest.raises(Denied):
        Allowlist([entry]).addresses(host, 22)


@pytest.mark.parametrize(
    ("entry", "host", "allowed"),
    [
        ("shop.invalid", "shop.invalid", True),
        ("Shop.INVALID", "SHOP.invalid.", True),
        ("shop.invalid", "www.shop.invalid", False),
        ("shop.invalid", "shop.invalid.evil.example", False),
        ("*.shop.invalid", "a.b.shop.invalid", True),
        ("*.shop.invalid", "shop.invalid", False),
        ("*.shop.invalid", "evilshop.invalid", False),
        ("127.0.0.1", "127.1", False),
        ("127.0.0.1", "localhost", False),
    ],
)
def test_names_are_whole_or_below_a_suffix(entry: str, host: str, allowed: bool) -> None:
    # Names that nobody has: one that is let through is then looked up in vain.
    with pytest.raises(Denied, match="expected an address of" if allowed else "expected one of the hosts"):
        Allowlist([entry]).addresses(host, 443)


def test_a_name_that_leads_to_an_inner_address_is_denied() -> None:
    with pytest.raises(Denied, match="expected a public address of localhost"):
        Allowlist(["localhost"]).addresses("localhost", 80)
    with pytest.raises(Denied, match="expected an address of no-such-host"):
        Allowlist(["*.invalid"]).addresses("no-such-host.invalid", 80)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        *(
            (address, True)
            for address in ("8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808")
        ),
        *((address, False) for address in ("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1")),
        *((address, False) for address in ("169.254.169.254", "0.0.0.0", "224.0.0.1", "255.255.255.255", "240.0.0.1")),
        *((address, False) for address in ("::", "::1", "fe80::1%eth0", "fd00::1", "ff02::1", "::ffff:127.0.0.1")),
        *((address, False) for address in ("64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:a00:1::f5ff:fffe")),
    ],
)
def test_public_addresses(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize(
    "authority", ["", ":80", "a:", "a:0", "a:65536", "a:x", "u@a", "a/b", "a b", "[a]", "[::1", "::1"]
)
def test_what_is_no_host_and_port(authority: str) -> None:
    with pytest.raises(ValueError, match="expected host"):
        split(authority)
