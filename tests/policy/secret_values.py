"""Two secrets, calls that send them, how others may write them, and the search for what can be seen of them."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import msgspec
import pytest

from syncara import StepResult
from syncara.abc import Handler
from syncara.handlers import web
from syncara.runtimes.driver import StepInput
from tests.handlers.support import Attempt

TOKEN = "tok_7Yh2Kq9ZmW4x-canary"  # noqa: S105 - made up
PASSWORD = "k4n/+ &\"<=9f.Z\\q'-7_w#>"  # noqa: S105 - made up
VALUES = {"TOKEN": TOKEN, "PASSWORD": PASSWORD}
BEARER = {"Authorization": "Bearer {secret.TOKEN}"}
WINDOW = 8
"""So many characters of a secret in a row are too many."""


def numbered(value: str) -> str:
    return re.sub(r"\W", lambda found: f"&#{ord(found[0])};", value)


def written(value: str) -> dict[str, str]:
    """A secret as others write it, by the way in which they do."""
    ways = {
        "raw": value,
        "query": quote(value, safe=""),
        "path": quote(value),
        "form": quote_plus(value),
        "small query": re.sub("%..", lambda found: found[0].lower(), quote(value, safe="")),
        "twice encoded": quote(quote(value, safe="")),
        "json": json.dumps(value),
        "json in json": json.dumps(json.dumps(value)),
        "json for html": json.dumps(value).replace("<", "\\u003c").replace("&", "\\u0026").replace("/", "\\/"),
        "html": html.escape(value),
        "numbered html": numbered(value),
        "lower case": value.lower(),
        "python": repr(value),
        "python bytes": repr(value.encode()),
        "base64 in a query": quote(base64.b64encode(value.encode()), safe=""),
    }
    for prefix in ("", "a", "ab", "Bearer ", "ana:"):
        for suffix in ("", "z", "zz", "\n"):
            text = f"{prefix}{value}{suffix}".encode()
            ways[f"base64 {prefix!r} {suffix!r}"] = base64.b64encode(text).decode()
            ways[f"url-safe base64 {prefix!r} {suffix!r}"] = base64.urlsafe_b64encode(text).decode()
    return ways


def pieces(value: str) -> Iterator[str]:
    """Every run of some characters of a secret, raw, encoded for URLs and JSON, and in base64 of each alignment."""
    escaped = (quote(value, safe=""), quote_plus(value), json.dumps(value)[1:-1], html.escape(value), numbered(value))
    for whole in (value, value.lower(), *escaped):
        yield from (whole[n : n + WINDOW] for n in range(len(whole) - WINDOW + 1))
    for before in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            inside = encode(b"\0" * before + value.encode()).decode()[before + 1 : -4]
            yield from (inside[n : n + WINDOW] for n in range(len(inside) - WINDOW + 1))


PIECES = [piece.encode() for value in VALUES.values() for piece in pieces(value)]


def traces(data: bytes | str) -> list[bytes]:
    """What of the secrets can be seen in some data."""
    data = data.encode(errors="replace") if isinstance(data, str) else data
    return [piece for piece in PIECES if piece in data]


async def call(
    handler: Handler, url: str, headers: Mapping[str, str] = BEARER, execution: Attempt | None = None, **params: Any
) -> Any:
    """The data of a call whose definition is what is sent."""
    given = {"url": url, "headers": dict(headers), **params}
    step = StepInput("step", "Step", msgspec.convert(given, web.ApiCallParams), given)
    result = await handler.fn(step, execution or Attempt())
    assert isinstance(result, StepResult)
    return result.data


async def error_of(
    handler: Handler, url: str, headers: Mapping[str, str] = BEARER, execution: Attempt | None = None
) -> Exception:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - which one it is, is for the test to say
        await call(handler, url, headers, execution)
    return caught.value


def secrets_file(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "secrets.toml"
    path.write_text(text)
    path.chmod(mode)
    return path
