"""Secrets by name: filled into headers at the call, and seen nowhere else."""

from __future__ import annotations

import asyncio
import base64
import copy
import html
import json
import logging
import os
import pickle
import re
import string
import sys
import traceback
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote, quote_plus

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncara import MultiStepProcessor, NonRetryableError, Problem, StepResult, SyncaraError, ValidationError
from syncara import settings as syncara_settings
from syncara.abc import ExecutionInput, Handler
from syncara.core.limits import MIB
from syncara.handlers import http_client, web
from syncara.handlers.failures import FinalError
from syncara.handlers.http import Site
from syncara.policy.secrets import CHARS_MIN, MASK, Secrets
from syncara.runtimes.driver import StepInput
from tests.cli.support import clean, syncara
from tests.handlers.server import Server, answer, redirect, serving
from tests.handlers.support import HANG_S, Attempt, failed, run

BOT = Path(__file__).with_name("secret_bot.py")
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


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving() as server:
        yield server


@pytest.fixture
async def other() -> AsyncIterator[Server]:
    """A second site."""
    async with serving() as server:
        yield server


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in VALUES.items():
        monkeypatch.setenv(f"SYNCARA_SECRET_{name}", value)


@pytest.fixture
async def processor(tmp_path: Path, environment: None) -> AsyncIterator[MultiStepProcessor]:
    async with MultiStepProcessor(tmp_path / "syncara.db", durability="fast") as started:
        yield started


@pytest.fixture
def definer(tmp_path: Path, environment: None) -> Iterator[MultiStepProcessor]:
    """For definitions alone."""
    made = MultiStepProcessor(tmp_path / "syncara.db", durability="fast")
    yield made
    made.close()


@pytest.fixture
def handler() -> Handler:
    return web.handlers(secrets=Secrets(VALUES))[0]


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


# What holds them.


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        "{}".format,
        lambda secrets: json.dumps(secrets, default=str),
        lambda secrets: f"{secrets!r} {secrets}",
        lambda secrets: logging.makeLogRecord({"msg": "%s", "args": (secrets,)}).getMessage(),
    ],
)
def test_the_holder_shows_names_only(show: Callable[[Secrets], str]) -> None:
    """However it comes into a text."""
    shown = show(Secrets(VALUES))

    assert "Secrets(PASSWORD, TOKEN)" in shown
    assert [] == traces(shown)


@pytest.mark.parametrize("store", [pickle.dumps, copy.copy, copy.deepcopy, msgspec.json.encode, msgspec.to_builtins])
def test_the_holder_cannot_be_stored(store: Callable[[Secrets], object]) -> None:
    """Neither pickled nor copied nor encoded, and the error shows nothing."""
    with pytest.raises(TypeError) as caught:
        store(Secrets(VALUES))

    assert [] == traces(str(caught.value))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"A": "x" * (CHARS_MIN - 1)}, "secret 'A': a secret has at least 8 characters"),
        ({"A": ""}, "secret 'A': a secret has at least 8 characters"),
        ({"A": "sesame-open\n"}, "secret 'A': a secret goes into a header"),
        ({"A": " sesame-open"}, "secret 'A': a secret goes into a header"),
        ({"A": "sesame-öpen"}, "secret 'A': a secret goes into a header"),
        ({"A": 123456789}, "secret 'A': a secret is text"),
        ({"A": {"B": "sesame-open"}}, "secret 'A': a secret is text"),
        ({"A B": "sesame-open"}, "secret 'A B': a secret's name"),
        ({"1A": "sesame-open"}, "secret '1A': a secret's name"),
    ],
)
def test_what_cannot_be_a_secret_is_refused_without_showing_it(values: dict[str, Any], said: str) -> None:
    """Too short to be masked, or nothing that a header or a placeholder can hold."""
    with pytest.raises(ValidationError, match=said) as caught:
        Secrets(values)

    assert ["invalid_secret"] == [problem.code for problem in caught.value.problems]
    assert "sesame" not in str(caught.value)
    assert "123456789" not in str(caught.value)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    """One problem for each secret."""
    with pytest.raises(ValidationError) as caught:
        Secrets({"A": "short", "B": 5, "C": "long enough"})

    assert ["secret 'A'", "secret 'B'"] == [problem.where for problem in caught.value.problems]


# Masking.


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("way", written(TOKEN))
def test_a_secret_is_found_however_it_is_written(name: str, way: str) -> None:
    """As it is, escaped and in base64: in a text, in JSON, and in the names of JSON."""
    secrets = Secrets(VALUES)
    text = written(VALUES[name])[way]

    assert traces(text)
    assert [] == traces(secrets.mask(f"before {text} after"))
    assert [] == traces(json.dumps(secrets.mask_json({"a": [{text: 1}, text, f"[{text}]"]})))
    assert re.fullmatch(r"before .*\*\*\*.* after", secrets.mask(f"before {text} after"))


VISIBLE = st.text(string.ascii_letters + string.digits + string.punctuation, min_size=CHARS_MIN, max_size=40).filter(
    lambda value: len(set(value)) >= CHARS_MIN  # one that repeats itself can be found at more places than one
)


@given(VISIBLE, st.binary(max_size=20), st.binary(max_size=20), st.sampled_from([b"+/", b"-_"]))
def test_base64_keeps_nothing_of_a_secret_and_all_of_the_rest(
    value: str, before: bytes, after: bytes, special: bytes
) -> None:
    """Characters of base64 hold bits of two neighbours: what holds bits of a secret goes, and no more than that."""
    encoded = base64.b64encode(before + value.encode() + after, special).decode()

    first, mask, last = Secrets({"A": value}).mask(encoded).partition(MASK)

    assert MASK == mask
    assert 8 * len(before) // 6 == len(first)
    assert (8 * (len(before) + len(value)) + 5) // 6 + len(last.rstrip("=")) == len(encoded.rstrip("="))


@given(VISIBLE, st.text("äß\n"), st.sampled_from(["raw", "query", "form", "html", "numbered html", "lower case"]))
def test_what_stands_around_a_secret_stays(value: str, around: str, way: str) -> None:
    """The mask takes the place of the secret alone, each time."""
    text = written(value)[way]

    assert f"{around}{MASK}{around}{MASK}" == Secrets({"A": value}).mask(f"{around}{text}{around}{text}")


@pytest.mark.parametrize("value", ["plain text", {"a": [1, 2.5, None, True, "x"], "b": {"c": "tok_ canary"}}, 12, None])
def test_ordinary_values_stay_as_they_are(value: Any) -> None:
    """The very same object comes back."""
    assert value is Secrets(VALUES).mask_json(value)
    assert "tok_ canary" == Secrets(VALUES).mask("tok_ canary")


def test_a_number_can_be_a_secret() -> None:
    """Where a server reads digits as a number, the number goes."""
    secrets = Secrets({"PIN": "8412967305"})

    assert {"pin": MASK, "n": 841296730} == secrets.mask_json({"pin": 8412967305, "n": 841296730})


def test_of_two_secrets_the_longer_goes_first() -> None:
    """One that begins another must not leave the other's end behind."""
    secrets = Secrets({"A": "abcdefgh", "B": "abcdefgh-ijkl"})

    assert f"{MASK} {MASK}" == secrets.mask("abcdefgh abcdefgh-ijkl")


def test_a_cut_text_loses_what_may_begin_a_secret() -> None:
    """Wherever the cut is; nothing is lost without secrets."""
    secrets = Secrets(VALUES)
    for text in written(PASSWORD).values():
        for end in range(len(text)):
            masked = secrets.mask("x" * 300 + text[:end], cut=True)
            assert masked == "x" * len(masked)
            assert masked

    assert "text" == Secrets({}).mask("text", cut=True)


@pytest.mark.parametrize(
    "piece", ["x", "\\", "%2", "&#0000", "tok_7Yh2Kq9ZmW4x-canar", "dG9rXzdZaDJLcTlabVc0e", "\\\\\\k4n"]
)
def test_a_hostile_answer_is_masked_quickly(piece: str) -> None:
    """No pattern goes back over what it has read: a second, not hours, for the largest answer."""
    text = piece * (10 * MIB // len(piece))

    assert text == Secrets(VALUES).mask(text)


# Where they come from.


def secrets_file(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "secrets.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_secrets_come_from_the_environment_and_from_a_file(tmp_path: Path) -> None:
    """Where both have one, the environment's counts."""
    file = str(secrets_file(tmp_path, 'A = "from-file"\n"b.c-d" = "from-file"\n'))
    environment = {"SYNCARA_SECRET_A": "from-environment", "SYNCARA_SECRETS": file, "PATH": "nothing"}

    assert file == syncara_settings.load({}, environment).secrets
    assert {"A": "from-environment", "b.c-d": "from-file"} == syncara_settings.secrets(file, environment)
    assert {} == syncara_settings.secrets(None, {"PATH": "nothing"})


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o666])
def test_a_file_that_others_can_get_at_is_refused(tmp_path: Path, mode: int) -> None:
    """With what to do about it; the twin with mode 600 or 400 is read."""
    file = secrets_file(tmp_path, f'TOKEN = "{TOKEN}"\n', mode)
    with pytest.raises(ValidationError) as caught:
        MultiStepProcessor(tmp_path / "x.db", secrets=file).list_workflows()

    assert ("not_private", f"chmod 600 {file}") == (caught.value.code, caught.value.example)
    assert f"its mode is 0{mode:o}" in caught.value.message
    assert [] == traces(str(caught.value))
    for private in (0o600, 0o400):
        file.chmod(private)
        assert {"TOKEN": TOKEN} == syncara_settings.secrets(str(file), {})


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (f"TOKEN = {TOKEN}\n", "bad_toml"),
        (f'TOKEN = "{TOKEN}\n', "bad_toml"),
        (f"{TOKEN}\n", "bad_toml"),
        (f'TOKEN = "{TOKEN}"\nTOKEN = "{TOKEN}"\n', "bad_toml"),
        (f'TOKEN = "\\q{TOKEN}"\n', "bad_toml"),
        (f'[TOKEN]\nvalue = "{TOKEN}"\n', "invalid_secret"),
        (f'TOKEN = ["{TOKEN}"]\n', "invalid_secret"),
    ],
)
def test_a_file_that_is_wrong_is_not_quoted(tmp_path: Path, text: str, code: str) -> None:
    """The error names the file or the secret, and shows nothing of what is in it."""
    with pytest.raises(ValidationError) as caught:
        MultiStepProcessor(tmp_path / "x.db", secrets=secrets_file(tmp_path, text)).list_workflows()

    assert code == caught.value.code
    assert [] == traces("".join(traceback.format_exception(caught.value)))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """So is a path that is none, whose value is not shown: somebody may have passed the secrets themselves."""
    with pytest.raises(ValidationError, match="the file with the secrets cannot be read: No such file"):
        MultiStepProcessor(tmp_path / "x.db", secrets=tmp_path / "nowhere.toml").list_workflows()
    with pytest.raises(ValidationError, match="secrets is the path of a file, not dict") as caught:
        MultiStepProcessor(tmp_path / "x.db", secrets=VALUES).list_workflows()  # type: ignore[arg-type]
    assert [] == traces(str(caught.value))


def test_settings_show_no_secret(environment: None, tmp_path: Path) -> None:
    """They are printed by `syncara doctor`."""
    chosen = syncara_settings.load({"secrets": secrets_file(tmp_path, f'TOKEN = "{TOKEN}"')})

    assert [] == traces(repr(chosen))


# In a definition.

CALL = {"url": "https://api.example.com/x"}


def problems(processor: MultiStepProcessor, handler: str, params: dict[str, Any], **fields: Any) -> list[Problem]:
    step = {"name": "Only", "handler": handler, "params": params, **fields}
    return processor.validate(processor.define({"name": "one step", "steps": [step]}))


@pytest.mark.parametrize(
    ("handler", "params", "field"),
    [
        ("api_call", {"url": "https://api.example.com/{secret.TOKEN}"}, "'params', 'url'"),
        ("api_call", {"url": "https://api.example.com/?key={secret.TOKEN}"}, "'params', 'url'"),
        ("api_call", {**CALL, "query": {"key": "{secret.TOKEN}"}}, "'params', 'query'"),
        ("api_call", {**CALL, "data": "{secret.TOKEN}"}, "'params', 'data'"),
        ("api_call", {**CALL, "json": {"a": [{"b": "x {secret.TOKEN}"}]}}, "'params', 'json'"),
        ("api_call", {**CALL, "json": {"{secret.TOKEN}": 1}}, "'params', 'json'"),
        ("api_call", {**CALL, "form": {"a": "{secret.TOKEN}"}}, "'params', 'form'"),
        ("api_call", {**CALL, "headers": {"X-{secret.TOKEN}": "a"}}, "'params', 'headers'"),
        ("api_call", {**CALL, "headers": {"X": ["{secret.TOKEN}"]}}, "'params', 'headers'"),
        ("api_call", {**CALL, "headers": "{secret.TOKEN}"}, "'params', 'headers'"),
        ("send_message", {"text": "{secret.TOKEN}", "chat_id": 7}, "'params', 'text'"),
        ("log", {"message": "the token is {secret.TOKEN}"}, "'params', 'message'"),
        ("set_context", {"key": "a", "value": {"headers": {"A": "{secret.TOKEN}"}}}, "'params', 'value'"),
        ("delay", {"seconds": "{secret.TOKEN}"}, "'params', 'seconds'"),
        ("condition_check", {"condition": "context.a == '{secret.TOKEN}'"}, "'params', 'condition'"),
        ("custom", {"headers": {"A": "{secret.TOKEN}"}}, "'params', 'headers'"),
    ],
)
def test_a_secret_anywhere_but_in_a_header_is_misplaced(
    definer: MultiStepProcessor, handler: str, params: dict[str, Any], field: str
) -> None:
    """For everyone, and in the tasks of groups; escaped it is text, and fine."""
    definer.register_handler("custom", lambda step, execution: None)
    group = {"tasks": [{"name": "Task", "handler": handler, "params": params}]}

    for step, found in (
        ("Only", problems(definer, handler, params)),
        ("Only/Task", problems(definer, "parallel_group", group)),
    ):
        misplaced = [problem.where for problem in found if problem.code == "secret_misplaced"]
        assert [f"step '{step}', field {field}"] == misplaced
    escaped = json.loads(json.dumps(params).replace("{secret.", "\\\\{secret."))
    assert "secret_misplaced" not in {problem.code for problem in problems(definer, handler, escaped)}


def test_a_secret_in_a_condition_is_misplaced(definer: MultiStepProcessor) -> None:
    """It would be compared as the text that it is."""
    found = problems(definer, "log", {"message": "x"}, condition="context.get('a') == '{secret.TOKEN}'")

    assert [("secret_misplaced", "step 'Only', field 'condition'")] == [(each.code, each.where) for each in found]


def test_an_unknown_secret_is_a_problem_that_names_the_known_ones(definer: MultiStepProcessor) -> None:
    """Names, and no values; the nearest is offered, and one that is there is no problem."""
    headers = {"A": "{secret.TOKEM}", "B": "{secret.OTHER}", "C": "{secret.TOKEN}", "D": "\\{secret.TEXT}"}

    found = problems(definer, "api_call", {**CALL, "headers": headers})

    assert [("unknown_secret", f"step 'Only', field 'params', 'headers.{name}'") for name in "AB"] == [
        (problem.code, problem.where) for problem in found
    ]
    assert "there is no secret 'TOKEM'; the secrets are PASSWORD, TOKEN" == found[0].message
    assert "Did you mean 'TOKEN'?" == found[0].fix
    assert "set SYNCARA_SECRET_OTHER, or add it to the file that SYNCARA_SECRETS names" == found[1].fix
    assert [] == traces(str(found))


async def test_a_run_does_not_start_with_an_unknown_secret(server: Server, processor: MultiStepProcessor) -> None:
    """Nothing is sent."""
    with pytest.raises(ValidationError, match="unknown_secret"):
        await run(processor, "api_call", {"url": server.url(), "headers": {"A": "{secret.OTHER}"}})

    assert [] == server.seen


async def test_a_secret_that_is_gone_fails_its_step_for_good(server: Server, tmp_path: Path, environment: None) -> None:
    """The run began with it, and goes on in a process without: one attempt, and nothing is sent."""
    url = server.on("/", answer())
    steps = [
        {"name": "Wait", "handler": "gate"},
        {"name": "Only", "handler": "api_call", "params": {"url": url, "headers": BEARER}, "dependencies": ["Wait"]},
    ]
    async with MultiStepProcessor(tmp_path / "x.db") as first:
        first.register_handler("gate", lambda step, execution: None)
        workflow_id = first.define({"name": "two steps", "steps": steps})
        execution_id = await first.execute_workflow(workflow_id)
        await first.pause_execution(execution_id)
    for name in VALUES:
        del os.environ[f"SYNCARA_SECRET_{name}"]
    async with MultiStepProcessor(tmp_path / "x.db") as second:
        second.register_handler("gate", lambda step, execution: None)
        await second.resume_execution(execution_id)
        code, attempts, said = failed(await second.wait(execution_id, HANG_S))

    assert ("unknown_secret", 1) == (code, attempts)
    assert "there is no secret 'TOKEN'" in said
    assert [] == server.seen


# At the call.


async def test_a_secret_is_sent_and_its_name_is_stored(server: Server, processor: MultiStepProcessor) -> None:
    """Beside text and data, several in one header; the definition and the journal keep the placeholder."""
    headers = {**BEARER, "X": "{context.user}:{secret.PASSWORD}:{secret.TOKEN}", "Y": "\\{secret.TOKEN} {secret.TOKEN}"}

    ended = await run(processor, "api_call", {"url": server.on("/", answer()), "headers": headers}, {"user": "ana"})

    assert "completed" == ended.status, ended.errors
    seen = server.seen[0].headers
    assert f"Bearer {TOKEN}" == seen["authorization"]
    assert f"ana:{PASSWORD}:{TOKEN}" == seen["x"]
    assert f"{{secret.TOKEN}} {TOKEN}" == seen["y"]
    assert headers == processor.get_workflow(ended.workflow_id).steps[0].params["headers"]


@pytest.mark.parametrize(
    ("headers", "context"),
    [
        ({"X": "{context.x}"}, {"x": "{secret.TOKEN}"}),
        ({"X": "Bearer {context.x}"}, {"x": "{secret.TOKEN}"}),
        ({"X": "{context.x}cret.TOKEN}"}, {"x": "{se"}),
        ({"X": "{secret.{context.x}}"}, {"x": "TOKEN"}),
        ({"X": "{{context.x}}"}, {"x": "secret.TOKEN"}),
        ({"X": "{context.x}", "Y": "{secret.TOKEN}"}, {"x": "{secret.TOKEN}"}),
        ({"X": "\\{secret.TOKEN}{context.x}"}, {"x": "{secret.TOKEN}"}),
        ({"X": "{context.missing|none} {context.x}"}, {"x": "{secret.TOKEN}"}),
        ("{context.x}", {"x": {"X": "{secret.TOKEN}"}}),
        ("{context.x}", {"x": {"headers": "{secret.TOKEN}", "X": "{secret.TOKEN}"}}),
    ],
)
async def test_data_cannot_name_a_secret(
    server: Server, processor: MultiStepProcessor, headers: Any, context: dict[str, Any]
) -> None:
    """One that came in with a value is refused for good, and nothing is sent; without it the call is made."""
    params = {"url": server.on("/", answer()), "headers": headers}
    try:
        code, attempts, _ = failed(await run(processor, "api_call", params, context))
    except ValidationError as error:  # what cannot be read is found before the run
        code, attempts = error.code, 1

    assert attempts <= 1
    assert code in ("secret_from_data", "secret_in_value", "secret_misplaced", "malformed_placeholder")
    assert [] == server.seen


async def test_data_without_a_secret_is_sent(server: Server, processor: MultiStepProcessor) -> None:
    """The benign twin: braces and even the word are only text."""
    headers = {"X": "{context.x}", "Y": "{secret.TOKEN} {context.x}"}
    url = server.on("/", answer())

    ended = await run(processor, "api_call", {"url": url, "headers": headers}, {"x": "{a} secret.TOKEN {secret}"})

    assert "completed" == ended.status, ended.errors
    assert "{a} secret.TOKEN {secret}" == server.seen[0].headers["x"]


async def test_a_result_cannot_name_a_secret(server: Server, processor: MultiStepProcessor) -> None:
    """What a server answers is data too."""
    server.on("/first", answer(b"{secret.TOKEN}"))
    url = server.on("/second", answer())
    steps = [
        {"name": "First", "handler": "api_call", "params": {"url": server.url("/first")}},
        {
            "name": "Only",
            "handler": "api_call",
            "params": {"url": url, "headers": {"X": "{steps.First.data.body}"}},
            "dependencies": ["First"],
        },
    ]
    execution_id = await processor.execute_workflow(processor.define({"name": "two steps", "steps": steps}))
    code, attempts, _ = failed(await processor.wait(execution_id, HANG_S))

    assert ("secret_from_data", 1) == (code, attempts)
    assert ["/first"] == [seen.target for seen in server.seen]


async def test_a_secret_is_not_filled_in_outside_of_headers(server: Server, handler: Handler) -> None:
    """Where something else brings it into the URL or the body, it is the text that it looks like."""
    url = server.on("/", answer())

    await call(handler, url, {}, query={"q": "{secret.TOKEN}"}, data="{secret.TOKEN}")

    assert b"{secret.TOKEN}" == server.seen[0].body
    assert "/?q=%7Bsecret.TOKEN%7D" == server.seen[0].target


async def test_a_step_without_its_definition_sends_no_secret(server: Server, handler: Handler) -> None:
    """Nobody can say whether the name is the author's."""
    step = StepInput("step", "Step", msgspec.convert({"url": server.url(), "headers": BEARER}, web.ApiCallParams))

    with pytest.raises(FinalError, match="secret_from_data"):
        await handler.fn(step, Attempt())
    assert [] == server.seen


async def test_a_handler_sees_its_params_as_they_were_written(processor: MultiStepProcessor) -> None:
    """A copy: what a handler does to it does not reach the definition."""
    seen = []

    async def look(step: Any, execution: Any) -> None:
        seen.append(step.written)
        step.written["a"].append(1)
        seen.append((step.written, step.params))

    processor.register_handler("look", look)
    written = {"a": ["{context.x}"]}
    await run(processor, "look", written, {"x": 5})

    assert [written, (written, {"a": [5]})] == seen


# Who may use one.


class ByAssistant(Attempt):
    """An execution whose workflow an assistant wrote."""

    author = "ai"


class Anywhere:
    """A guard that forbids nothing, for a server on loopback."""

    def url(self, url: str) -> None: ...

    def site(self, host: str, port: int, scheme: str, method: str) -> None: ...

    def addresses(self, host: str, addresses: object) -> None: ...


@pytest.fixture
def no_address_is_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let guarded calls reach the server on this machine."""
    monkeypatch.setattr(http_client, "_stays_here", lambda address: False)


async def test_an_assistant_may_use_no_secret_by_default(server: Server, no_address_is_own: None) -> None:
    """Nothing is sent; the same call without the secret is."""
    handler = web.handlers(guard=lambda step, execution: Anywhere(), secrets=Secrets(VALUES))[0]
    url = server.on("/", answer(b"here"))

    error = await error_of(handler, url, execution=ByAssistant())
    assert isinstance(error, FinalError)
    assert ("secret_refused", []) == (error.code, server.seen)

    assert "here" == (await call(handler, url, {"X": "y"}, ByAssistant()))["body"]


async def test_the_hook_decides_by_name_site_and_execution(server: Server, no_address_is_own: None) -> None:
    """It is asked for each secret, with the site that is connected to; what it returns is the error."""
    asked: list[tuple[str, Site, object]] = []

    def may_use(name: str, there: Site, execution: ExecutionInput) -> Problem | None:
        asked.append((name, there, execution))
        return None if (name, there.host) == ("TOKEN", "127.0.0.1") else Problem("denied", "here", "not there", "try")

    handler = web.handlers(None, lambda step, execution: Anywhere(), Secrets(VALUES), may_use)[0]
    server.on("/", answer(b"here"))
    by_assistant = ByAssistant()

    await call(handler, server.url(), execution=by_assistant)
    assert f"Bearer {TOKEN}" == server.seen[0].headers["authorization"]
    for url, headers in ((server.url("/", "LocalHost"), BEARER), (server.url(), {"X": "{secret.PASSWORD}"})):
        assert "denied: here: not there (try)" == str(await error_of(handler, url, headers, by_assistant))
    assert 1 == len(server.seen)
    here = Site("127.0.0.1", server.port, "http")
    assert [("TOKEN", here), ("TOKEN", here._replace(host="localhost")), ("PASSWORD", here)] == [
        each[:2] for each in asked
    ]
    assert all(execution is by_assistant for _, _, execution in asked)


# Redirects.

HEADERS = ("Authorization", "Accept", "Accept-Language", "User-Agent", "Idempotency-Key", "Content-Type", "X-Own")


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_secret_does_not_follow_to_another_site(
    server: Server, other: Server, handler: Handler, header: str, status: int
) -> None:
    """Whatever header it is in, and not on the way back either; on the same site it stays."""
    server.on("/back", answer(b"back"))
    other.on("/x", redirect(server.url("/back")))
    server.on("/stay", redirect("/leave", status))
    url = server.on("/leave", redirect(other.url("/x"), status)).replace("/leave", "/stay")

    assert "back" == (await call(handler, url, {header: "a {secret.TOKEN}"}))["body"]

    assert ["/stay", "/leave", "/back"] == [seen.target for seen in server.seen]
    kept = 1 if (status, header) == (303, "Content-Type") else 2  # what then follows is another request, without a body
    assert [f"a {TOKEN}"] * kept == [seen.headers[header.lower()] for seen in server.seen[:kept]]
    for seen in (*other.seen, server.seen[2]):
        assert [] == traces(str(seen))


async def test_a_secret_does_not_follow_to_another_name_of_the_host(server: Server, handler: Handler) -> None:
    """A name and its address are two hosts."""
    server.on("/x", answer())
    url = server.on("/", redirect(server.url("/x", "localhost")))

    await call(handler, url, {"User-Agent": "{secret.TOKEN}", "Accept": "text/plain"})

    assert TOKEN == server.seen[0].headers["user-agent"]
    assert [] == traces(str(server.seen[1]))
    assert "text/plain" == server.seen[1].headers["accept"]


# What comes back.


def told(value: str) -> bytes:
    return json.dumps(written(value)).encode()


@pytest.mark.parametrize("value", VALUES.values())
@pytest.mark.parametrize(
    ("content_type", "encode"),
    [
        ("application/json", bytes),
        ("text/plain", bytes),
        ("text/html; charset=utf-16", lambda body: body.decode().encode("utf-16")),
        ("application/octet-stream", lambda body: b"\xff" + body),
        ("application/json", lambda body: b"{" + body),
    ],
)
async def test_what_a_server_echoes_is_masked(
    server: Server, handler: Handler, value: str, content_type: str, encode: Callable[[bytes], bytes]
) -> None:
    """In the body, whatever it is, and in headers; the rest of it stays."""
    echoed = {f"X_{n}": text for n, text in enumerate(written(value).values()) if text.isprintable()}
    url = server.on("/", answer(encode(told(value)), Content_Type=content_type, X_Rest="rest", **echoed))

    data = await call(handler, url)

    assert (200, "rest") == (data["status"], data["headers"]["x-rest"])
    assert [] == traces(json.dumps(data))
    body = data["body"]
    assert [] == traces(base64.b64decode(body) if "encoding" in data else json.dumps(body))
    assert len(written(value)) == (len(body) if isinstance(body, dict) else len(written(value)))


async def test_a_secret_that_was_not_sent_is_masked_too(server: Server, handler: Handler) -> None:
    """A server may have it from an earlier call."""
    data = await call(handler, server.on("/", answer(f"{TOKEN} {PASSWORD}".encode())), {})

    assert f"{MASK} {MASK}" == data["body"]


@pytest.mark.parametrize(
    "sent",
    [
        answer(told(TOKEN), 403),
        answer(told(TOKEN), 503),
        answer(TOKEN.encode(), 429, Retry_After="7"),
        answer(b"x" * 1_990 + TOKEN.encode() * 3, 403),
        answer(b" " * 1_990 + TOKEN.encode() * 3, 403),
        answer(b" " * 1_700 + b"x" * 240 + TOKEN.encode() * 3, 403),
        f"HTTP/1.1 403 No\r\nContent-Length: 100\r\n\r\n{TOKEN[:-1]}".encode(),
        f"HTTP/1.1 403 No\r\nContent-Encoding: gzip\r\nContent-Length: 23\r\n\r\n{TOKEN}".encode(),
        f"HTTP/1.1 200 OK\r\nContent-Encoding: {TOKEN}\r\nContent-Length: 2\r\n\r\nhi".encode(),
        f"{TOKEN}\r\n\r\n".encode(),
        f"HTTP/1.1 200 OK\r\n{TOKEN}\r\n\r\n".encode(),
        f"HTTP/1.1 200 OK\r\nContent-Length: {TOKEN}\r\n\r\n".encode(),
        f"HTTP/1.1 200 OK\r\nTransfer-Encoding: {TOKEN}\r\n\r\n".encode(),
        f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{TOKEN}\r\n".encode(),
        redirect(f"ftp://{TOKEN}/"),
        redirect(f"http://[{TOKEN}/"),
        redirect(f"http://{TOKEN}.invalid./"),
        redirect(f"//127.0.0.1:1/{TOKEN}"),
        b"",
    ],
)
async def test_no_error_shows_a_secret(
    server: Server, handler: Handler, caplog: pytest.LogCaptureFixture, sent: bytes
) -> None:
    """Neither its text, nor what led to it, nor the variables of its frames, nor what the HTTP library logs."""
    caplog.set_level(logging.DEBUG)

    error = await error_of(handler, server.on("/", sent))

    assert f"Bearer {TOKEN}" == server.seen[0].headers["authorization"]
    assert isinstance(error, SyncaraError)
    assert [] == traces(str(error) + str(error.problem) + repr(error.args))
    assert (None, None) == (error.__cause__, error.__context__)
    frames = traceback.TracebackException.from_exception(error, capture_locals=True)
    ours = [frame for frame in frames.stack if "/tests/" not in frame.filename]
    assert ours
    assert [] == traces(str([frame.locals for frame in ours]))
    assert "receive_response_headers" in caplog.text
    assert [] == traces(caplog.text)


async def test_a_whole_error_is_quoted_as_a_whole(server: Server, handler: Handler) -> None:
    """Only what is cut off loses its end."""
    error = await error_of(handler, server.on("/", answer(f"not {TOKEN}, try another".encode(), 403)))

    assert "403 Forbidden: not ***, try another (" in str(error)


@pytest.mark.parametrize("kind", [RuntimeError, NonRetryableError, ConnectionError, KeyError])
async def test_an_exception_of_the_programs_own_is_masked(kind: type[Exception]) -> None:
    """With its chain; whether another attempt may help stays as it was."""

    async def connect(host: str, port: int) -> NoReturn:
        raise kind(f"no way with {TOKEN}") from ValueError(PASSWORD)

    handler = web.handlers(connect, secrets=Secrets(VALUES))[0]
    error = await error_of(handler, "http://api.example.com/")

    assert "no way with ***" in str(error)
    assert isinstance(error, NonRetryableError) == issubclass(kind, NonRetryableError)
    assert [] == traces("".join(traceback.format_exception(error)))


async def test_an_exception_without_a_secret_stays_what_it_is() -> None:
    """Its kind and its frames help whoever looks for the mistake."""

    async def connect(host: str, port: int) -> NoReturn:
        raise LookupError(host)

    error = await error_of(web.handlers(connect, secrets=Secrets(VALUES))[0], "http://api.example.com/")

    assert isinstance(error, LookupError)
    assert "in connect" in "".join(traceback.format_exception(error))


async def test_a_call_can_be_cancelled(server: Server, handler: Handler) -> None:
    """What cancels it comes out as it was."""

    async def silent(writer: asyncio.StreamWriter) -> None: ...

    task = asyncio.create_task(call(handler, server.on("/", silent)))
    await server.arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await server.left.wait()


# The canary.


def everything(server: Server) -> asyncio.Event:
    """Let the server tell what it hears, everywhere and in every way; the event says that `/hold` is under way."""
    holds = asyncio.Event()

    async def hold(writer: asyncio.StreamWriter) -> None:
        holds.set()

    body = json.dumps([written(value) for value in VALUES.values()]).encode()
    in_header = {"Content_Type": "application/json", "X_Echo": f"Bearer {TOKEN}", "X_Other": quote(PASSWORD)}
    echo = answer(body, **in_header)
    server.on("/echo", echo)
    server.on("/retried", answer(body, 503, **in_header), f"{TOKEN} {PASSWORD}\r\n\r\n".encode(), b"", echo)
    server.on("/binary", answer(b"\xff" + body))
    server.on("/text", answer(body, Content_Type="text/plain"))
    server.on("/refused", answer(body, 401, **in_header))
    server.on("/garbled", f"HTTP/1.1 200 OK\r\nX: {TOKEN}\r\n{PASSWORD}\r\n\r\n".encode())
    server.on("/moved", redirect(server.url(f"/gone?token={quote(TOKEN)}", "localhost")))
    server.on("/gone", answer(body, 410, **in_header))
    server.on("/hold", hold, echo)
    return holds


async def bot(folder: Path, url: str, env: Mapping[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, BOT, "syncara.db", url,
        cwd=folder, env=clean(env), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def killed(process: asyncio.subprocess.Process, when: asyncio.Event) -> tuple[bytes, bytes]:
    """The output of a bot that is killed when the event has come."""
    output = asyncio.create_task(process.communicate())
    await asyncio.wait([output, come := asyncio.create_task(when.wait())], return_when=asyncio.FIRST_COMPLETED)
    assert come.done(), await output
    process.kill()
    return await output


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def test_a_secret_is_nowhere(server: Server, tmp_path: Path) -> None:
    """A run with echoes, failures, retries, a kill and a restart leaves no trace of it in any byte kept or said.

    That is the database with its write-ahead log, files, documents, messages, logs of everybody at DEBUG, history, log,
    views, answers and the command line.
    """
    holds, folder = everything(server), tmp_path / "bot"
    folder.mkdir()
    (tmp_path / "private").mkdir()
    password = json.dumps(PASSWORD)
    env = {
        "SYNCARA_SECRET_TOKEN": TOKEN,
        "SYNCARA_SECRETS": str(secrets_file(tmp_path / "private", f"PASSWORD = {password}\n")),
    }
    first = await killed(await bot(folder, server.url(""), env), holds)
    after_kill = files(folder)
    again = await bot(folder, server.url(""), env)
    second = await again.communicate()
    assert 0 == again.returncode, second[1].decode()
    after_all = files(folder)
    execution_id = re.search(r"ex_\w{16}", second[0].decode())
    assert execution_id is not None
    commands = [["status", execution_id[0]], ["history", execution_id[0], "--json"], ["list"], ["doctor", "--json"]]
    said = [await asyncio.to_thread(syncara, *command, cwd=folder, env=env) for command in commands]

    for seen in server.seen:
        if seen.target != f"/gone?token={quote(TOKEN)}":
            assert (f"Bearer {TOKEN}", f"ana:{PASSWORD}") == (seen.headers["authorization"], seen.headers["x-password"])
    assert {"/echo": 1, "/retried": 4, "/hold": 2, "/garbled": 2}.items() <= counted(server).items()
    assert {"syncara.db", "syncara.db-wal", "workspace/answer.txt"} <= after_kill.keys()
    for where, data in {**{f"killed {n}": d for n, d in after_kill.items()}, **after_all}.items():
        assert [] == traces(data), where
    assert [[], [], [], []] == [traces(output) for output in (*first, *second)]
    assert [(0, [])] * len(said) == [(done.returncode, traces(done.stdout + done.stderr)) for done in said]
    # Where the secrets would be, the mask is: all of this was looked at.
    for data in (after_kill["syncara.db-wal"], after_all["workspace/answer.txt"], *first, *second):
        assert MASK.encode() in data
    assert b"httpcore2.http11" in second[1]
    assert MASK in said[1].stdout


def counted(server: Server) -> dict[str, int]:
    targets = [seen.target for seen in server.seen]
    return {target: targets.count(target) for target in targets}


def test_the_search_finds_what_it_looks_for() -> None:
    """Any of the ways in which a secret can be written is a trace, and so is a part of it."""
    for value in VALUES.values():
        for way, text in written(value).items():
            assert traces(f"x{text}y"), way
        for start in range(len(value) - WINDOW):
            assert traces(value[start : start + WINDOW])
    assert [] == traces("Bearer *** k4n/+ tok_7Yh QmVhcmVy")
