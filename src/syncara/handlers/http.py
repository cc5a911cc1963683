"""What an HTTP call is made of, and what may be said about where it goes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from syncara.core.errors import Problem
from syncara.handlers.failures import FinalError

Connect = Callable[[str, int], Awaitable[str]]
"""Called with host and port before each connection, those of redirects too. It returns the IP address to connect to,
so that what it judged is what is used, or raises what forbids it: NonRetryableError or an error derived from it."""


class Guard(Protocol):
    """Judges where a call goes that an assistant wrote. Each method returns what forbids it, or None."""

    def url(self, url: str) -> Problem | None:
        """The URL as it was written, once."""

    def site(self, host: str, port: int, scheme: str, method: str) -> Problem | None:
        """Where a request is about to go, those of redirects too. IPv6 addresses have no brackets."""

    def addresses(self, host: str, addresses: Sequence[str]) -> Problem | None:
        """All that the one look-up of the host gave. Nothing else is connected to."""


class Secrets(Protocol):
    """Values that headers may hold, by name, and what keeps them from being seen."""

    @property
    def names(self) -> Collection[str]: ...

    def value(self, name: str) -> str:
        """Raises KeyError."""

    def mask(self, text: str, *, cut: bool = False) -> str:
        """The text without any of them. `cut`: it was cut off, perhaps in the middle of one."""

    def mask_json(self, value: Any) -> Any:
        """A JSON value without any of them."""


class _NoSecrets:
    names = ()

    def value(self, name: str) -> str:
        raise KeyError(name)

    def mask(self, text: str, *, cut: bool = False) -> str:
        return text

    def mask_json(self, value: Any) -> Any:
        return value


NO_SECRETS: Secrets = _NoSecrets()


class Site(NamedTuple):
    """Where a URL leads."""

    host: str
    """In lower case; an IPv6 address without brackets."""
    port: int
    scheme: str


class Request(NamedTuple):
    """What goes out."""

    method: str
    url: str
    headers: list[tuple[str, str]]
    body: bytes | None
    timeout_s: float | None
    secret: frozenset[str] = frozenset()
    """The headers that hold secrets; in lower case."""


class Reply(NamedTuple):
    """What came back: complete, unpacked, with a status below 400."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case; the values of one name are joined with commas."""
    body: bytes
    redirects: int


def refuse(problem: Problem | None) -> None:
    if problem is not None:
        raise FinalError(problem.code, problem.message, problem.where, problem.fix, problem.example)
