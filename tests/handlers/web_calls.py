"""One call of api_call without an engine: its data, or its error by what another attempt could do."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from syncara import NonRetryableError, StepResult, SyncaraError
from syncara.abc import Handler
from tests.handlers.support import awaited

JSON = "application/json"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
PACKED = gzip.compress(b"some text", mtime=0)


async def call(handler: Handler, url: str, **params: Any) -> Any:
    """The data of a call that succeeds."""
    result = await awaited(handler, {"url": url, **params})
    assert isinstance(result, StepResult)
    assert result.success, result.error
    return result.data


async def final(handler: Handler, url: str, **params: Any) -> str:
    """The error of a call that no further attempt can help."""
    with pytest.raises(NonRetryableError) as caught:
        await awaited(handler, {"url": url, **params})
    return str(caught.value)


async def passing(handler: Handler, url: str, **params: Any) -> str:
    """The error of a call that may succeed at the next attempt."""
    with pytest.raises(SyncaraError) as caught:
        await awaited(handler, {"url": url, **params})
    assert not isinstance(caught.value, NonRetryableError)
    return str(caught.value)


def signed_in(url: str, user: str) -> str:
    return url.replace("http://", f"http://{user}@")
