"""Which addresses, sites and URLs count as the public web, judged without looking anything up."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncara.core.errors import Problem
from syncara.policy.addresses import PORTS, PublicWeb, judge_addresses, judge_site, judge_url, kind

EMBEDDING = {
    "IPv4-compatible": "::",
    "IPv4-mapped": "::ffff:0:0",
    "IPv4-translated": "::ffff:0:0:0",
    "NAT64": "64:ff9b::",
    "NAT64 of a local network": "64:ff9b:1::",
    "ISATAP": "2600::5efe:0:0",
    "ISATAP, unique": "2600::200:5efe:0:0",
}
"""Prefixes that an IPv4 address is added to."""


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("8.8.8.8", None),
        ("2606:4700::6810:84e5", None),
        ("127.0.0.1", "loopback"),
        ("10.0.0.1", "private"),
        ("100.64.0.1", "shared between customers of a provider"),
        ("169.254.1.1", "link-local"),
        ("169.254.169.254", "cloud metadata"),
        ("100.100.100.200", "cloud metadata"),
        ("168.63.129.16", "cloud metadata"),
        ("192.0.0.192", "cloud metadata"),
        ("0.0.0.0", "unspecified"),  # noqa: S104 - judged, not bound
        ("255.255.255.255", "broadcast"),
        ("240.0.0.1", "reserved"),
        ("::1", "loopback"),
        ("::", "unspecified"),
        ("::ffff:8.8.8.8", "IPv4-mapped"),
        ("::8.8.8.8", "IPv4-compatible"),
        ("::ffff:0:8.8.8.8", "IPv4-translated"),
        ("64:ff9b::8.8.8.8", "NAT64"),
        ("64:ff9b:1::8.8.8.8", "NAT64 of a local network"),
        ("fd00::1", "private"),
        ("fd00:ec2::254", "cloud metadata"),
        ("fd20:ce::254", "cloud metadata"),
        ("ff02::1", "multicast"),
        ("2001:2::1", "benchmarks"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "bound to a network interface"),
        ("2600::1%eth0", "bound to a network interface"),
        ("fec0::1", "site-local"),
        ("2002:808:808::1", "6to4"),
        ("2001:0:808:808::1", "Teredo"),
        ("2600::5efe:8.8.8.8", "ISATAP"),
        ("4000::1", "reserved"),
        ("0177.0.0.1", "neither an IP address in its usual notation nor a full host name"),
        ("", "neither an IP address in its usual notation nor a full host name"),
    ],
)
def test_an_address_is_public_or_of_one_kind(address: str, expected: str | None) -> None:
    """The most telling kind is named where several hold."""
    assert expected == kind(address)


@given(st.ip_addresses())
def test_what_the_standard_library_calls_not_global_is_not_public(address: IPv4Address | IPv6Address) -> None:
    """The tables here may know more than the library's, and never less."""
    assert address.is_global or kind(str(address)) is not None


BOUNDS = st.sampled_from(
    [IPv4Address(n << 24) for n in range(256)]
    + [IPv4Address(f"{first}.{second}.0.0") for first in (100, 169, 172, 192, 198, 203) for second in range(256)]
)


@given(st.one_of(BOUNDS, st.ip_addresses(v=4)), st.sampled_from(["", *EMBEDDING.values()]))
def test_an_address_that_is_not_public_stays_so_inside_another(inside: object, prefix: str) -> None:
    """However an IPv4 address is wrapped up, it gets no better."""
    v4 = IPv4Address(str(inside))
    wrapped = str(v4) if not prefix else str(IPv6Address(int(IPv6Address(prefix)) + int(v4)))

    assert kind(str(v4)) is None or kind(wrapped) is not None


@given(st.integers(0, 2**128 - 1).map(IPv6Address))
def test_the_notation_of_an_ipv6_address_changes_nothing(address: IPv6Address) -> None:
    """Short, long, in capital letters and with an IPv4 ending, it is the same address."""
    low = IPv4Address(int(address) & 0xFFFF_FFFF)
    mixed = f"{address.exploded.rsplit(':', 2)[0]}:{low}"

    assert {kind(str(address))} == {kind(text) for text in (address.exploded, str(address).upper(), mixed)}


@given(st.ip_addresses(v=4).filter(lambda address: kind(str(address)) is None))
def test_a_public_address_is_public_in_one_notation_only(address: object) -> None:
    """The usual one. As one number, in hexadecimal or in octal, nobody would see where it leads."""
    number = int(ip_address(str(address)))
    odd = [str(number), hex(number), f"0{number:o}", f"0{address}", f"{address}."]

    assert judge_url(f"http://{address}/") is None
    assert [] == [host for host in odd if judge_url(f"http://{host}/") is None]


@given(st.text(max_size=20))
def test_whatever_is_written_is_judged(text: str) -> None:
    """No text breaks the judge; what it lets through has no user, no escape and nothing invisible in its host."""
    found = judge_url(f"http://{text}")

    if found is None:
        authority = text.replace("?", "/").replace("#", "/").partition("/")[0]
        assert authority.isascii()
        assert not set("@\\% \t\n") & set(authority)
    else:
        assert "address_refused" == found.code


def test_one_address_that_is_not_public_refuses_them_all(caplog: pytest.LogCaptureFixture) -> None:
    """The problem names the host, the address's kind and what to do; the address itself is in the log alone."""
    found = judge_addresses("api.example.com", ["8.8.8.8", "10.0.0.5"])

    assert found is not None
    assert "'api.example.com' has an address that is not public (private)" == found.message
    assert ["'api.example.com' is at 10.0.0.5, which is not public (private)"] == caplog.messages
    assert ("address_refused", True) == (found.code, "the developer must write the workflow" in found.fix)
    assert judge_addresses("api.example.com", ["8.8.8.8", "8.8.4.4"]) is None


def test_only_the_ports_of_web_servers_are_called() -> None:
    """80, 443, 8080 and 8443, with either scheme; without a port it is the scheme's."""
    called = {port for port in range(1, 65_536) if judge_site("api.example.com", port, "http") is None}

    assert {80, 443, 8080, 8443} == called == PORTS
    assert judge_url("http://api.example.com") is None
    assert judge_url("https://api.example.com?x=1") is None


def test_what_is_allowed_narrows_the_public_web_and_never_widens_it() -> None:
    """It is asked about public sites alone, in lower case."""
    asked = []

    def allowed(host: str, port: int, scheme: str, method: str) -> Problem | None:
        asked.append((host, port, scheme, method))
        return None if host == "api.example.com" else Problem("host_not_allowed", "", "no")

    web = PublicWeb(allowed)

    assert web.site("API.example.com", 443, "https", "GET") is None
    assert Problem("host_not_allowed", "", "no") == web.site("other.example.com", 80, "http", "GET")
    refused = web.site("localhost", 80, "http", "GET")
    assert ("address_refused", 2) == (refused and refused.code, len(asked))
    assert ("api.example.com", 443, "https", "GET") == asked[0]
