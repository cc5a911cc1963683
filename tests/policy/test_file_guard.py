"""The files of an assistant's workflows stay in their chat's folder: hostile paths, and hostile trees."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncara import NonRetryableError, SyncaraError
from syncara.core.limits import RESULT_BYTES_MAX
from syncara.handlers import disk, rooted
from tests.handlers.file_calls import disk_steps, unprivileged
from tests.policy.file_ground import (
    CANARY,
    INSIDE,
    LINES,
    PARAMS,
    RECORD,
    REFUSED,
    TEMPORARY,
    Attempt,
    Ground,
    do,
    ground_at,
    tree,
    tried,
)


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    with ground_at(tmp_path) as made:
        yield made


# The corpus.


def test_the_corpus_is_large_and_every_line_has_a_twin() -> None:
    """At least 70 refused paths; a line and its twin differ, and no reason is given twice."""
    assert len(REFUSED) >= 70
    assert len(LINES) == len(REFUSED) + len(INSIDE)
    assert all(line["twin"] != {key: line[key] for key in ("path", "tree") if key in line} for line in LINES)


@pytest.mark.parametrize("operation", PARAMS)
@pytest.mark.parametrize("reason", REFUSED)
def test_a_hostile_path_reads_and_changes_nothing(ground: Ground, reason: str, operation: str) -> None:
    """Nothing anywhere is read, written, made or deleted, and the refusal is final."""
    line = REFUSED[reason]
    ground.build(line.get("tree", {}))
    before = ground.everything()

    outcome = tried(ground.workspace, operation, ground.fill(line["path"]))

    assert before == ground.everything()
    assert CANARY not in str(outcome)
    assert isinstance(outcome, NonRetryableError)
    assert isinstance(outcome, SyncaraError)
    assert "path_refused" == outcome.code
    assert outcome.fix


@pytest.mark.parametrize("case", INSIDE.values(), ids=INSIDE)
def test_what_only_looks_hostile_is_a_name(ground: Ground, case: dict[str, Any]) -> None:
    """Nothing but a slash ends a name, and nothing but two dots is the parent."""
    works_inside(ground, case)


@pytest.mark.parametrize("case", [line["twin"] for line in LINES], ids=[line["reason"] for line in LINES])
def test_a_benign_twin_works(ground: Ground, case: dict[str, Any]) -> None:
    """It differs in the one point that the line is about."""
    works_inside(ground, case)


def works_inside(ground: Ground, case: dict[str, Any]) -> None:
    """All four operations do what they say, at the place that the path names, and nowhere else."""
    ground.build(case.get("tree", {}))
    before = ground.around()
    path = ground.fill(case["path"])
    names = [name for name in path.split("/") if name not in ("", ".")]
    file = ground.root.joinpath(*names)

    assert {"path": "/".join(names), "bytes": 4} == do(ground.workspace, "write", path)
    assert "new\n" == file.read_text()
    assert 5 == do(ground.workspace, "append", path)["bytes"]
    assert "new\nmore\n" == do(ground.workspace, "read", path)
    assert {"path": "/".join(names), "deleted": True} == do(ground.workspace, "delete", path)
    assert not file.exists()
    assert before == ground.around()


# The same operations.


class Call(NamedTuple):
    operation: str
    path: str
    key: str
    params: dict[str, Any]


@st.composite
def calls(draw: st.DrawFn) -> Call:
    operation = draw(st.sampled_from([*PARAMS, "append", "write"]))
    path = draw(st.sampled_from(["a.txt", "b/a.txt", "./b//c.txt", "b/c/d.txt"]))
    params: dict[str, Any] = {}
    if operation != "delete":
        params["encoding"] = draw(st.sampled_from(["utf-8", "utf-8", "utf-16", "ascii", "base64"]))
    if operation in ("write", "append"):
        params["content"] = draw(st.sampled_from(["", "one\n", "zwölf\n", "b25l", {"a": 1}]))
        # Of two things that are wrong, a missing folder and the content, each may be told first.
        params["create_folders"] = params["encoding"] in ("ascii", "base64") or draw(st.booleans())
    return Call(operation, path, draw(st.sampled_from("12345")), params)


def outcome_of(workspace: Path, call: Call, author: str) -> Any:
    """The result without the workspace's own path, or the code of the error."""
    attempt = Attempt(call.key, author=author)
    try:
        result = do(workspace, call.operation, call.path, attempt, **call.params)
    except SyncaraError as error:
        return error.code, isinstance(error, NonRetryableError)
    if isinstance(result, dict):
        result["path"] = os.path.relpath(workspace / result["path"], workspace)
    return result


def contents(folder: Path) -> dict[str, tuple[str, str]]:
    """The tree, but of records only that they are there: they hold the numbers of inodes."""
    return {name: what if disk.OWN not in name else (what[0], "") for name, what in tree(folder).items()}


@given(st.lists(calls(), max_size=8))
@settings(max_examples=40)
def test_inside_its_folder_an_assistant_has_the_developers_operations(given_calls: list[Call]) -> None:
    """The same calls have the same outcomes and leave the same files: repeats of a key, encodings, folders, errors."""
    with tempfile.TemporaryDirectory() as base:
        developers, assistants = Path(base) / "developers", Path(base) / "assistants"
        for call in given_calls:
            expected = outcome_of(developers, call, "developer")
            assert expected == outcome_of(assistants, call, "ai"), call

        assert contents(developers) == contents(assistants / "chats" / "number-5")


def test_a_write_is_on_the_disk_before_it_takes_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Synced, renamed, and the folder synced at last, as for a developer."""
    do(tmp_path, "write", "notes.txt", content="old")
    steps = disk_steps(monkeypatch)

    do(tmp_path, "write", "notes.txt", content="new")

    assert ["sync file", "rename to notes.txt", "sync folder"] == steps


def test_a_file_over_the_limit_is_not_read(tmp_path: Path) -> None:
    """The limit is the developer's."""
    do(tmp_path, "write", "large")
    os.truncate(tmp_path / "chats" / "number-5" / "large", RESULT_BYTES_MAX + 1)

    outcome = tried(tmp_path, "read", "large")

    assert isinstance(outcome, SyncaraError)
    assert "file_too_large" == outcome.code


def test_a_read_only_file_is_not_replaced() -> None:
    """The rename would succeed, but it is not what the file's owner wants."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        workspace = Path(folder) / "workspace"
        with unprivileged():
            do(workspace, "write", "notes.txt")
            (workspace / "chats" / "number-5" / "notes.txt").chmod(0o444)
            outcome = tried(workspace, "write", "notes.txt", content="other")

        assert "new\n" == do(workspace, "read", "notes.txt")
    assert isinstance(outcome, SyncaraError)
    assert "permission_denied" == outcome.code


@pytest.mark.parametrize("path", ["missing.txt", "missing/missing.txt", "a", "a/b/secret.txt", "link", "../x", "/x"])
@pytest.mark.parametrize("operation", PARAMS)
def test_neither_results_nor_errors_tell_where_the_workspace_lies(ground: Ground, operation: str, path: str) -> None:
    """The assistant reads them; a path in them is relative to its folder, and so can be handed on to the next step."""
    ground.build({"a": "folder", "link": "link {outside}"})

    outcome = tried(ground.workspace, operation, path, **{**PARAMS[operation], "create_folders": False})

    assert str(ground.base) not in str(outcome)


# Whose folder.


def test_a_chats_folder_is_made_by_the_first_write_and_is_private(tmp_path: Path) -> None:
    """Looking makes nothing; the chats' folder and the chat's are open to the process's user alone."""
    workspace = tmp_path / "workspace"
    assert isinstance(tried(workspace, "read", "notes.txt"), SyncaraError)
    assert do(workspace, "delete", "notes.txt")["deleted"] is False
    assert not workspace.exists()

    do(workspace, "write", "notes.txt")
    tried(workspace, "read", "new/notes.txt", create_folders=True)

    assert {
        "chats": "drwx------",
        "chats/number-5": "drwx------",
    } == {name: mode for name, (mode, _) in tree(workspace).items() if mode.startswith("d")}


CHATS = [
    None,
    5,
    -5,
    55,
    "5",
    "-5",
    "none",
    "None",
    "number-5",
    "text-5",
    "A",
    "a",
    "ä",
    "a\u0308",
    " ",
    ".",
    "..",
    "a/b",
]


def test_no_two_chats_share_a_folder(tmp_path: Path) -> None:
    """Ids of other types, spellings and lengths are other chats, and any text is safe as an id."""
    hashed = rooted.folder_name("A")
    ids = [*CHATS, "\0", "\ud800", "x" * 64, "x" * 65, "x" * 5000, "../text-5", hashed, hashed.removeprefix("hash-")]
    for number, chat in enumerate(ids):
        do(tmp_path, "write", "notes.txt", Attempt(chat_id=chat), content=number)

    assert list(map(str, range(len(ids)))) == [do(tmp_path, "read", "notes.txt", Attempt(chat_id=chat)) for chat in ids]
    assert ["chats"] == [path.name for path in tmp_path.iterdir()]
    assert len(ids) == len(list((tmp_path / "chats").glob("*/notes.txt")))


IDS = st.sampled_from(CHATS) | st.integers(-(2**63), 2**63 - 1) | st.text(min_size=1)


@given(IDS, IDS)
def test_a_folders_name_tells_the_chat_on_every_disk(one: Any, other: Any) -> None:
    """Lower-case ASCII of moderate length: the names of two chats differ where capitals and accents do not count."""
    names = [rooted.folder_name(chat) for chat in (one, other)]

    assert all(re.fullmatch(r"none|(?:number|text|hash)-[a-z0-9_-]{1,64}", name) for name in names)
    assert (names[0] == names[1]) == (type(one) is type(other) and one == other)


def test_without_a_chat_there_is_a_folder_of_its_own(tmp_path: Path) -> None:
    """It is nobody's chat."""
    do(tmp_path, "write", "notes.txt", Attempt(chat_id=None))

    assert "new\n" == (tmp_path / "chats" / "none" / "notes.txt").read_text()


# Whose workflow.


@pytest.mark.parametrize("author", ["ai", "assistant", "", None])
def test_whoever_is_not_the_developer_is_kept_inside(ground: Ground, author: Any) -> None:
    """An author that is not known counts as an assistant."""
    ground.build({})
    before = ground.everything()

    with pytest.raises(SyncaraError):
        do(ground.workspace, "read", str(ground.outside / "secret.txt"), Attempt(author=author))
    with pytest.raises(SyncaraError):
        do(ground.workspace, "write", str(ground.outside / "secret.txt"), Attempt(author=author))

    assert before == ground.everything()


def test_a_developers_workflow_goes_where_it_says(ground: Ground) -> None:
    """Absolute paths, links in the workspace and hard links work; relative paths start in the workspace."""
    ground.build({})
    (ground.workspace / "link").symlink_to("secret.txt")
    (ground.workspace / "second").hardlink_to(ground.outside / "secret.txt")

    for path in ("secret.txt", "link", "second", str(ground.outside / "secret.txt")):
        assert CANARY == do(ground.workspace, "read", path, Attempt(author="developer"))


def test_a_system_that_cannot_guard_refuses(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without folders as starting points there is no guarded form, and nothing takes its place."""
    ground.build({"notes.txt": "file"})
    before = ground.everything()
    monkeypatch.setattr(os, "supports_dir_fd", os.supports_dir_fd - {os.open})

    outcomes = [tried(ground.workspace, operation, "notes.txt") for operation in PARAMS]

    assert before == ground.everything()
    assert ["unsupported"] * len(PARAMS) == [outcome.code for outcome in outcomes]
    assert all(isinstance(outcome, NonRetryableError) for outcome in outcomes)
    assert CANARY == do(ground.workspace, "read", "secret.txt", Attempt(author="developer"))


def open_files() -> list[str]:
    return sorted(path.name for path in Path("/dev/fd").iterdir())


@pytest.mark.parametrize("path", ["a/b/notes.txt", "a/b/new/notes.txt", "a/link/notes.txt", "a/b/link", "a/b"])
def test_no_folder_stays_open(ground: Ground, path: str) -> None:
    """Whether an operation works, is refused or finds nothing, it leaves as many open files as there were."""
    ground.build({"a/b/notes.txt": "file", "a/link": "link {outside}", "a/b/link": "link {outside}/secret.txt"})
    before = open_files()

    for operation in PARAMS:
        tried(ground.workspace, operation, path)

    assert before == open_files()


# What lies beside a file.

LINKS = ["link {outside}/secret.txt", "link {outside}/new", "hard link {outside}/secret.txt"]


@pytest.mark.parametrize("what", [*LINKS, "pipe", "folder"])
def test_the_record_of_appends_is_judged_as_the_file_is(ground: Ground, what: str) -> None:
    """Whoever lays something in its place gains nothing: the append is refused, without waiting, and leaves nothing."""
    ground.build({"notes.txt": "file", RECORD: what})
    before, opened_before = ground.everything(), open_files()

    outcome = tried(ground.workspace, "append", "notes.txt")

    assert before == ground.everything()
    assert opened_before == open_files()
    assert CANARY not in str(outcome)
    assert isinstance(outcome, NonRetryableError)


@pytest.mark.parametrize("what", LINKS)
def test_a_link_in_the_place_of_the_temporary_file_is_not_followed(ground: Ground, what: str) -> None:
    """The name is taken away from it, and the write works."""
    ground.build({"notes.txt": "file", TEMPORARY: what})
    before = ground.around()

    do(ground.workspace, "write", "notes.txt")

    assert before == ground.around()
    assert {"notes.txt"} == set(tree(ground.root))
    assert "new\n" == (ground.root / "notes.txt").read_text()
