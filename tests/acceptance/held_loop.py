"""An event loop on which time stands still until a test moves it, and which reaches no host but this machine."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable
from typing import Any

from syncara.testing import FakeClock

PAST_DUE_S = 0.001
"""How far beyond a wake time the clock is moved, so that rounding leaves nothing just ahead."""


class HeldLoop(asyncio.SelectorEventLoop):
    """Sockets, threads and files are real; timers wait for `clock`, which moves by hand only."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.hosts: set[str] = set()
        """Names that are taken for this machine."""
        self.ports: dict[int, int] = {}
        """Ports of this machine that stand in for others."""
        super().__init__()

    def time(self) -> float:
        return self.clock.elapsed

    def move_to(self, moment: float) -> None:
        """Let time pass until shortly after `moment`, in Unix time."""
        self.clock.advance(max(0.0, moment - self.clock.now()) + PAST_DUE_S)

    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name in self.hosts:
            host = "127.0.0.1"
        elif not _is_loopback(name):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return await super().getaddrinfo(host, port, **options)

    async def create_connection(
        self, protocol_factory: Callable[[], Any], host: Any = None, port: Any = None, **options: Any
    ) -> Any:
        return await super().create_connection(protocol_factory, host, self.ports.get(port, port), **options)


def _is_loopback(host: Any) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
