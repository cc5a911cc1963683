"""Which addresses belong to the public web: the only ones that a workflow reaches which an assistant wrote.

Everything here judges and nothing looks up: names are resolved by whoever connects, once, and what came out is judged
by `judge_addresses` before it is connected to. The tables are written out, because what the standard library calls
global has changed from one Python to the next.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple

from syncara.core.errors import Problem
from syncara.handlers.http import Site

logger = logging.getLogger("syncara")

Allowed = Callable[[str, int, str, str], Problem | None]
"""Says whether a host (`one_spelling`), a port and a scheme may be called with a method: None, or what forbids
it."""
Ranges = tuple[tuple[int, int, str], ...]

PORTS = {80, 443, 8080, 8443}
"""Those of web servers. On others, lines of a request may mean something to a server that speaks no HTTP."""
DEFAULT_PORTS = {"http": 80, "https": 443}
HOST_CHARS_MAX = 253

_FIX = "name a public host; to reach any other address, the developer must write the workflow"
_UNICAST_BITS = 0b001  # 2000::/3: all that has been given out of IPv6 for public use
_ISATAP, _ISATAP_MASK = 0x5EFE, 0xFDFF_FFFF  # in the upper half of an interface id; one bit of it may be either way


def _ranges(rows: str) -> Ranges:
    """First address, mask and kind of each line's network; where several hold an address, the first counts."""
    pairs = [line.split(maxsplit=1) for line in rows.strip().splitlines()]
    networks = [(ip_network(text), why) for text, why in pairs]
    return tuple((int(network.network_address), int(network.netmask), why) for network, why in networks)


_V4 = _ranges("""
    127.0.0.0/8        loopback
    10.0.0.0/8         private
    172.16.0.0/12      private
    192.168.0.0/16     private
    100.100.100.200/32 cloud metadata
    100.64.0.0/10      shared between customers of a provider
    168.63.129.16/32   cloud metadata
    169.254.169.254/32 cloud metadata
    169.254.0.0/16     link-local
    192.0.0.192/32     cloud metadata
    192.0.0.0/24       reserved for protocols
    0.0.0.0/32         unspecified
    0.0.0.0/8          reserved for this network
    192.0.2.0/24       documentation
    198.51.100.0/24    documentation
    203.0.113.0/24     documentation
    192.88.99.0/24     6to4 relay
    198.18.0.0/15      benchmarks
    224.0.0.0/4        multicast
    255.255.255.255/32 broadcast
    240.0.0.0/4        reserved
""")
_V6 = _ranges("""
    ::1/128            loopback
    ::/128             unspecified
    ::/96              IPv4-compatible
    ::ffff:0:0/96      IPv4-mapped
    ::ffff:0:0:0/96    IPv4-translated
    64:ff9b::/96       NAT64
    64:ff9b:1::/48     NAT64 of a local network
    fd00:ec2::254/128  cloud metadata
    fd20:ce::254/128   cloud metadata
    fc00::/7           private
    fe80::/10          link-local
    fec0::/10          site-local
    ff00::/8           multicast
    2001::/32          Teredo
    2001:2::/48        benchmarks
    2001::/23          reserved for protocols
    2001:db8::/32      documentation
    3fff::/20          documentation
    2002::/16          6to4
""")

_PLAIN_URL = re.compile(
    r"(https?)://([\w.-]+|\[[\da-f:.]+\])(?::(\d{1,5}))?(?:[/?#][^\x00-\x1f\x7f]*)?", re.ASCII | re.IGNORECASE
)
_NAME = re.compile(r"(?:\w(?:[\w-]{0,61}\w)?\.)+[a-z](?:[a-z\d-]{0,61}[a-z\d])", re.ASCII)
"""At least two labels, the last no number: what a resolver could take for an address is none."""
_LOCAL_NAME = re.compile(
    r"(?:.*\.)?(?:localhost|localdomain|local|internal|intranet|private|corp|home|home\.arpa|lan)", re.ASCII
)


def kind(address: str) -> str | None:
    """Why an IP address is not public, such as `loopback`; None when it is."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return "neither an IP address in its usual notation nor a full host name"
    return _kind4(parsed) if isinstance(parsed, IPv4Address) else _kind6(parsed)


def _kind4(address: IPv4Address) -> str | None:
    return _first(_V4, int(address))


def _kind6(address: IPv6Address) -> str | None:
    value = int(address)
    if address.scope_id is not None:
        return "bound to a network interface"
    found = _first(_V6, value)
    if found is None and value >> 125 != _UNICAST_BITS:
        return "reserved"
    if found is None and value >> 32 & _ISATAP_MASK == _ISATAP:
        return "ISATAP"
    return found


def _first(ranges: Ranges, value: int) -> str | None:
    return next((why for first, mask, why in ranges if value & mask == first), None)


def judge_addresses(host: str, addresses: Sequence[str]) -> Problem | None:
    """Judge all that a host's name stands for.

    One address that is not public refuses them all: an honest site has none, and a name with both kinds is made to be
    tried until the wrong one comes first. Which address it is goes to the log alone: chats and models are not told what
    the names of an inner network stand for.
    """
    for address in addresses:
        why = kind(address)
        if why is not None and host == address:
            return _refused(f"'{host}' is not public ({why})")
        if why is not None:
            logger.warning("'%s' is at %s, which is not public (%s)", host, address, why)
            return _refused(f"'{host}' has an address that is not public ({why})")
    return None


def judge_site(host: str, port: int, scheme: str) -> Problem | None:
    """Judge what can be judged before the host is looked up. An IPv6 address comes without its brackets."""
    host = host.lower()
    if scheme not in ("http", "https"):
        return _refused(f"'{scheme}' is no scheme of the web")
    if port not in PORTS:
        return _refused(f"port {port} of '{host}' is none of web servers ({', '.join(map(str, sorted(PORTS)))})")
    if _LOCAL_NAME.fullmatch(host):
        return _refused(f"'{host}' is a name of the local network")
    if len(host) <= HOST_CHARS_MAX and _NAME.fullmatch(host):
        return None
    return judge_addresses(host, [host])


def one_spelling(host: str) -> str:
    """A host as every rule writes it: in lower case, an IPv6 address (without brackets) in its shortest notation.

    What is no address stays as it is: `judge_site` refuses it.
    """
    host = host.lower()
    return IPv6Address(host).compressed if is_ipv6(host) else host


def is_ipv6(host: str) -> bool:
    try:
        IPv6Address(host)
    except ValueError:
        return False
    return True


def parse(url: str) -> Site | None:
    """Where a URL leads; None for what two readers could take for two different hosts."""
    plain = _PLAIN_URL.fullmatch(url)
    if plain is None:
        return None
    scheme, host, port = plain[1].lower(), one_spelling(plain[2].strip("[]")), plain[3]
    return Site(host, int(port) if port else DEFAULT_PORTS[scheme], scheme)


def judge_url(url: str) -> Problem | None:
    """Judge a URL as it was written."""
    there = parse(url)
    if there is None:
        return _refused("the URL is not a plain http(s)://host:port/path, with no user name and an ASCII host")
    return judge_site(*there)


def _refused(message: str) -> Problem:
    return Problem("address_refused", "", message, _FIX, "https://api.example.com/data")


def any_site(host: str, port: int, scheme: str, method: str) -> Problem | None:
    """The Allowed that forbids nothing."""
    return None


class PublicWeb(NamedTuple):
    """Holds calls to the public web, and to what `allowed` leaves of it (`handlers.http.Guard`)."""

    allowed: Allowed = any_site

    def url(self, url: str) -> Problem | None:
        return judge_url(url)

    def site(self, host: str, port: int, scheme: str, method: str) -> Problem | None:
        return judge_site(host, port, scheme) or self.allowed(one_spelling(host), port, scheme, method)

    def addresses(self, host: str, addresses: Sequence[str]) -> Problem | None:
        return judge_addresses(host, addresses)
