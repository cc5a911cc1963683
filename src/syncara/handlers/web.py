"""api_call: one HTTP request and its answer."""

from __future__ import annotations

import base64
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple, Protocol
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from syncara.abc import ExecutionInput, Handler, StepInput
from syncara.core.errors import Problem, nearest
from syncara.core.model import StepResult
from syncara.handlers.failures import FinalError, literal_problems
from syncara.handlers.registry import struct_check

Connect = Callable[[str, int], Awaitable[str]]
"""Called with host and port before each connection, those of redirects too. It returns the IP address to connect to,
so that what it judged is what is used, or raises what forbids it: NonRetryableError or an error derived from it."""


class Guard(Protocol):
    """Judges where a call goes that an assistant wrote. Each method returns what forbids it, or None."""

    def url(self, url: str) -> Problem | None:
        """The URL as it was written, once."""

    def site(self, host: str, port: int, scheme: str) -> Problem | None:
        """Where a request is about to go, those of redirects too. IPv6 addresses have no brackets."""

    def addresses(self, host: str, addresses: Sequence[str]) -> Problem | None:
        """All that the one look-up of the host gave. Nothing else is connected to."""


Scalar = str | int | float | bool | None
Fields = dict[str, Scalar | list[Scalar]]
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


class ApiCallParams(msgspec.Struct, forbid_unknown_fields=True):
    """Call an HTTP API. At most one of data, json and form is the body."""

    url: str
    method: str | None = None
    """GET, or POST when there is a body."""
    headers: dict[str, str | int | float] = {}
    query: Fields = {}
    """Added to the query that the URL has."""
    data: Any = None
    """Text is sent as it is, any other value as JSON."""
    json: Any = None
    """Sent as JSON, text too."""
    form: Fields | None = None
    """Sent as a web form is (application/x-www-form-urlencoded)."""
    timeout_s: Annotated[float, msgspec.Meta(gt=0)] | None = None
    """Seconds for the whole call, redirects and body included. The step's timeout holds in any case."""


class Request(NamedTuple):
    """What goes out."""

    method: str
    url: str
    headers: list[tuple[str, str]]
    body: bytes | None
    timeout_s: float | None


class Reply(NamedTuple):
    """What came back: complete, unpacked, with a status below 400."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case; the values of one name are joined with commas."""
    body: bytes
    redirects: int


def _unguarded(execution: ExecutionInput) -> Guard:
    message = "nothing in this program judges where the calls of an assistant go"
    raise FinalError("address_refused", message, fix="the developer must write the workflow")


def handlers(connect: Connect | None = None, guard: Callable[[ExecutionInput], Guard] = _unguarded) -> list[Handler]:
    """`guard` says what judges the calls of an execution whose workflow an assistant wrote; without it, none is made.

    `connect` is asked about all other calls.
    """

    async def api_call(step: StepInput, execution: ExecutionInput) -> StepResult:
        """Returns `{status, headers, body}`; a status of 400 or more is a failure.

        JSON is decoded, text is text, no body is null; anything else is base64, with `encoding: "base64"` beside it.
        """
        from syncara.handlers import http_client  # noqa: PLC0415 - most programs never need it, and it loads slowly

        request = _request(step.params, execution.idempotency_key)
        by_assistant = getattr(execution, "author", "developer") != "developer"
        reply = await http_client.send(
            request, connect or http_client.anywhere, guard(execution) if by_assistant else None
        )
        data = {"status": reply.status, "headers": reply.headers, **_body(reply)}
        return StepResult(True, data, metadata={"redirects": reply.redirects})

    return [Handler("api_call", api_call, "task", ApiCallParams, False, _check)]


# What goes out.

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_FRAMING = {"connection", "content-length", "host", "transfer-encoding", "upgrade"}
"""Headers that say how the message itself is sent, and to whom: they follow from the other params."""
_BODIES = ("data", "json", "form")


def _check(params: dict[str, Any]) -> list[Problem]:
    found: list[Problem] = struct_check(ApiCallParams)(params)
    found += literal_problems("url", params.get("url"), _require_url)
    found += literal_problems("method", params.get("method"), _require_method)
    headers = params.get("headers")
    for name, value in headers.items() if isinstance(headers, dict) else ():
        found += literal_problems(f"headers.{name}", name, _require_header_name)
        found += literal_problems(f"headers.{name}", value, _require_header_value)
    bodies = [name for name in _BODIES if params.get(name) is not None]
    if len(bodies) > 1:
        message = "the request can have one body, not " + " and ".join(bodies)
        found.append(Problem("invalid_params", "", message, "keep one of them"))
    return found


def _require_url(url: str) -> None:
    scheme, colon, _ = url.partition("://")
    if _CONTROL.search(url):
        raise FinalError("invalid_url", "the URL holds a control character, such as a line break", fix="remove it")
    if not colon:
        example = f"https://{url}" if re.match(r"[\w.-]+\.\w", url) else "https://api.example.com/data"
        raise FinalError("invalid_url", "the URL has no scheme", fix="begin it with https://", example=example)
    if scheme.lower() not in ("http", "https"):
        raise FinalError("invalid_url", f"api_call does not speak '{scheme}'", fix="use an http or https URL")
    try:
        parts = urlsplit(url)
        complete = bool(parts.hostname) and parts.port != 0
    except ValueError:
        complete = False
    if not complete:
        example = "https://api.example.com/data"
        raise FinalError("invalid_url", "the URL has no valid host and port", fix="correct it", example=example)


def _require_method(method: str) -> None:
    if method.upper() not in METHODS:
        fix = nearest(method.upper(), METHODS) or "the methods are " + ", ".join(METHODS)
        raise FinalError("invalid_method", f"there is no method '{method}'", fix=fix)


def _require_header_name(name: str) -> None:
    if not _TOKEN.fullmatch(name):
        raise FinalError("invalid_header", f"a header cannot be called '{name}'", fix="use letters, digits and dashes")
    if name.lower() in _FRAMING:
        raise FinalError("invalid_header", f"'{name}' is set by api_call itself", fix="remove it")


def _require_header_value(value: str) -> None:
    if _CONTROL.search(value):
        raise FinalError("invalid_header", "a header's value holds a line break or another control character")


def _request(p: ApiCallParams, idempotency_key: str) -> Request:
    """The request that the params mean. Raises FinalError for what a placeholder brought in."""
    content_type, body = _encoded(p)
    method = p.method or ("GET" if body is None else "POST")
    _require_url(p.url)
    _require_method(method)
    headers = [(name, str(value).strip()) for name, value in p.headers.items()]
    for name, value in headers:
        _require_header_name(name)
        _require_header_value(value)
    given = {name.lower() for name, _ in headers}
    defaults = {"Content-Type": content_type, "Idempotency-Key": idempotency_key}
    headers += [(name, value) for name, value in defaults.items() if value and name.lower() not in given]
    return Request(method.upper(), _with_query(p.url, p.query), headers, body, p.timeout_s)


def _encoded(p: ApiCallParams) -> tuple[str, bytes | None]:
    """The body, with its content type."""
    if p.form is not None:
        return "application/x-www-form-urlencoded", urlencode(_pairs(p.form)).encode()
    if isinstance(p.data, str):
        return "text/plain; charset=utf-8", p.data.encode()
    value = p.json if p.json is not None else p.data
    return ("application/json", msgspec.json.encode(value)) if value is not None else ("", None)


def _with_query(url: str, query: Fields) -> str:
    if not query:
        return url
    url = url.partition("#")[0]
    return url + ("&" if "?" in url else "?") + urlencode(_pairs(query), quote_via=quote)


def _pairs(fields: Fields) -> list[tuple[str, str]]:
    return [
        (name, value if isinstance(value, str) else "" if value is None else msgspec.json.encode(value).decode())
        for name, values in fields.items()
        for value in (values if isinstance(values, list) else [values])
    ]


# What came back.

_JSON = re.compile(r"application/([\w.+-]+\+)?json\b", re.IGNORECASE)
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_SLOW_CHARSETS = {"idna", "punycode"}
"""Their decoders take time that grows with the square of the length."""


def _body(reply: Reply) -> dict[str, Any]:
    if not reply.body:
        return {"body": None}
    content_type = reply.headers.get("content-type", "")
    if _JSON.match(content_type):
        try:
            return {"body": msgspec.json.decode(reply.body)}
        except (msgspec.DecodeError, RecursionError):
            pass  # it says JSON and is not: what it is comes out below
    charset = _CHARSET.search(content_type)
    name = charset[1].lower() if charset else "utf-8"
    try:
        return {"body": reply.body.decode("utf-8" if name in _SLOW_CHARSETS else name)}
    except (LookupError, ValueError):
        return {"body": base64.b64encode(reply.body).decode(), "encoding": "base64"}
