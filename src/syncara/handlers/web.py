"""api_call: one HTTP request and its answer."""

from __future__ import annotations

import base64
import re
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from syncara.abc import ExecutionInput, Handler, StepInput
from syncara.core.errors import NonRetryableError, Problem, SyncaraError, nearest
from syncara.core.model import StepResult
from syncara.handlers.failures import FinalError, literal_problems
from syncara.handlers.http import NO_SECRETS, Connect, Guard, Reply, Request, Secrets, Site, refuse
from syncara.handlers.registry import struct_check
from syncara.handlers.text import is_for_text

MayUse = Callable[[str, Site, ExecutionInput], Problem | None]
"""Called with the name of a secret, the site that it is for and the execution that is about to send it there: what
forbids it, or None. It is not asked about redirects, because a secret does not follow them to another site."""

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


def _unguarded(step: StepInput, execution: ExecutionInput) -> Guard:
    message = "nothing in this program judges where the calls of an assistant go"
    raise FinalError("address_refused", message, fix="the developer must write the workflow")


def _developer_alone(name: str, site: Site, execution: ExecutionInput) -> Problem | None:
    if not _by_assistant(execution):
        return None
    fix = "the developer must write the workflow"
    return Problem("secret_refused", "", f"a workflow that an assistant wrote may not use the secret '{name}'", fix)


def handlers(
    connect: Connect | None = None,
    guard: Callable[[StepInput, ExecutionInput], Guard] = _unguarded,
    secrets: Secrets = NO_SECRETS,
    may_use: MayUse = _developer_alone,
) -> list[Handler]:
    """`guard` says what judges a call of an execution whose workflow an assistant wrote; without it, none is made.

    `connect` is asked about all other calls. `secrets` are what `{secret.NAME}` in a header stands for, where `may_use`
    does not forbid it.
    """

    async def call(step: StepInput, execution: ExecutionInput) -> StepResult:
        from syncara.handlers import http_client  # noqa: PLC0415 - most programs never need it, and it loads slowly

        request = _request(step.params, execution.idempotency_key)

        def reveal(name: str) -> str:
            # Who may not use it is not told which secrets there are.
            refuse(may_use(name, http_client.site_of(request.url), execution) or _unknown_secret(name, secrets))
            return secrets.value(name)

        reply = await http_client.send(
            _with_secrets(request, step.written, reveal),
            connect or http_client.anywhere,
            guard(step, execution) if _by_assistant(execution) else None,
            secrets,
        )
        data = {"status": reply.status, "headers": reply.headers, **_body(reply, secrets)}
        return StepResult(True, secrets.mask_json(data), metadata={"redirects": reply.redirects})

    async def api_call(step: StepInput, execution: ExecutionInput) -> StepResult:
        """Returns `{status, headers, body}`; a status of 400 or more is a failure.

        JSON is decoded, text is text, no body is null; anything else is base64, with `encoding: "base64"` beside it.
        """
        try:
            return await call(step, execution)
        except BaseException as error:
            if not secrets.names:
                raise
            masked = _masked(error, secrets)
        raise masked  # out here, so that it does not bring along the one that was caught

    def check(params: dict[str, Any]) -> list[Problem]:
        return _check(params) + _unknown_secrets(params, secrets)

    return [Handler("api_call", api_call, "task", ApiCallParams, False, check)]


def _by_assistant(execution: ExecutionInput) -> bool:
    return execution.author != "developer"


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


# Secrets in what goes out.

_SECRET = re.compile(r"(\\?)\{secret\.([A-Za-z_][A-Za-z0-9_.-]*)\}")
"""How a header names a secret; behind a backslash, in a definition, it is text."""


def secret_names(headers: Any) -> set[str]:
    """The secrets that headers name, as a definition writes them."""
    texts = [str(value) for value in headers.values()] if isinstance(headers, dict) else []
    return {name for text in texts for escaped, name in _SECRET.findall(text) if not escaped}


def _unknown_secrets(params: dict[str, Any], secrets: Secrets) -> list[Problem]:
    headers = params.get("headers")
    return [
        msgspec.structs.replace(problem, where=f"'headers.{header}'")
        for header, value in (headers.items() if isinstance(headers, dict) else ())
        for escaped, name in _SECRET.findall(str(value))
        if not escaped and (problem := _unknown_secret(name, secrets)) is not None
    ]


def _unknown_secret(name: str, secrets: Secrets) -> Problem | None:
    if name in secrets.names:
        return None
    known = f"; the secrets are {', '.join(sorted(secrets.names))}" if secrets.names else ""
    fix = nearest(name, secrets.names) or f"set SYNCARA_SECRET_{name}, or add it to the file that SYNCARA_SECRETS names"
    return Problem("unknown_secret", "", f"there is no secret '{name}'{known}", fix)


def _with_secrets(request: Request, written: Mapping[str, Any], reveal: Callable[[str], str]) -> Request:
    """The request with the secrets that the definition names. Raises FinalError when data names one too.

    `written` has the params as the definition has them: what was filled in there can only have added names.
    """
    meant = written.get("headers")
    headers, secret = [], set()
    for header, value in request.headers:
        opened = _SECRET.findall(str(meant.get(header)) if isinstance(meant, dict) else "")
        if [name for _, name in opened] != [name for _, name in _SECRET.findall(value)]:
            message = f"a value that was filled into the header '{header}' names a secret"
            raise FinalError("secret_from_data", message, fix="write {secret.NAME} out in the definition")
        if any(not escaped for escaped, _ in opened):
            secret.add(header.lower())
        headers.append((header, _filled(value, opened, reveal)))
    return request._replace(headers=headers, secret=frozenset(secret))


def _filled(value: str, opened: Sequence[tuple[str, str]], reveal: Callable[[str], str]) -> str:
    """`opened` are the names in the value, in order, each with the backslash that made it text."""
    left = iter(opened)
    return _SECRET.sub(lambda found: found[0] if next(left)[0] else found[1] + reveal(found[2]), value)


def _masked(error: BaseException, secrets: Secrets) -> BaseException:
    """The error without secrets: in its text, in the errors that led to it, and in the variables of its frames."""
    traceback.clear_frames(error.__traceback__)
    error.__cause__ = error.__context__ = None
    shown = "".join(traceback.format_exception(error))
    if isinstance(error, SyncaraError):
        error.problem = Problem(*map(secrets.mask, msgspec.structs.astuple(error.problem)))
        error.args = (secrets.mask(str(error)),)
    elif isinstance(error, Exception) and secrets.mask(shown) != shown:
        kind = FinalError if isinstance(error, NonRetryableError) else SyncaraError
        text = secrets.mask(f"{type(error).__name__}: {error}")
        return kind("call_failed", text).with_traceback(error.__traceback__)
    return error


# What came back.

_JSON = re.compile(r"application/([\w.+-]+\+)?json\b", re.IGNORECASE)
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)


def _body(reply: Reply, secrets: Secrets) -> dict[str, Any]:
    if not reply.body:
        return {"body": None}
    content_type = reply.headers.get("content-type", "")
    if _JSON.match(content_type):
        try:
            return {"body": msgspec.json.decode(reply.body)}
        except (msgspec.DecodeError, RecursionError):
            pass  # it says JSON and is not: what it is comes out below
    charset = _CHARSET.search(content_type)
    name = charset[1] if charset else "utf-8"
    try:
        return {"body": reply.body.decode(name if is_for_text(name) else "utf-8")}
    except (LookupError, ValueError):
        masked = secrets.mask(reply.body.decode("latin-1")).encode("latin-1")  # before base64 hides them
        return {"body": base64.b64encode(masked).decode(), "encoding": "base64"}
