"""Secrets by name: what holds them, where they come from, and where a definition may name them."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from syncara import MultiStepProcessor, Problem, ValidationError
from syncara import settings as syncara_settings
from syncara.policy.secrets import CHARS_MIN, Secrets
from tests.policy.secret_values import (
    TOKEN,
    VALUES,
    secrets_file,
    traces,
)


@pytest.fixture
def definer(tmp_path: Path, environment: None) -> Iterator[MultiStepProcessor]:
    """For definitions alone."""
    made = MultiStepProcessor(tmp_path / "syncara.db", durability="fast")
    yield made
    made.close()


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


# Where they come from.


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
