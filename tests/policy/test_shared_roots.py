"""Folders that chats have in common with the program: the policy names them, and no path leads out of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from syncara import MultiStepProcessor, NonRetryableError
from syncara.abc import ExecutionInput
from syncara.core.errors import SyncaraError, ValidationError
from syncara.documents.embedded import EmbeddedDocuments
from syncara.handlers import files
from syncara.handlers.rooted import Root
from syncara.policy.policy import read
from syncara.runtimes.driver import StepInput
from syncara.stores.sqlite import SqliteStore
from tests.policy.file_ground import CANARY, PARAMS, REFUSED, Attempt, Ground, tree

WITHIN = {
    reason: line
    for reason, line in REFUSED.items()
    if not line["path"].startswith(("/", "{")) and {".", ".."}.isdisjoint(line.get("tree", {}))
}
"""Paths that stay what they are behind the name of a root."""
OWNER, MEMBER, GROUP = 1, 2, -100
READ = (
    '[MULTISTEP:QUICK_WORKFLOW:Look:[{"name":"Read","handler":"file_operation",'
    '"params":{"operation":"read","file_path":"handbook/leave.txt"}}]]'
)
WRITE = (
    '[MULTISTEP:QUICK_WORKFLOW:Keep:[{"name":"Write","handler":"file_operation",'
    '"params":{"operation":"write","file_path":"handbook/leave.txt","content":"none"}}]]'
)


def do(workspace: Path, roots: Mapping[str, str], operation: str, path: str, chat_id: Any = 5) -> Any:
    """What file_operation returns in an assistant's workflow, in a chat with these roots."""
    found = {name: Root(workspace / path, Path(os.path.realpath(workspace / path)), ()) for name, path in roots.items()}
    handler = files.handlers(workspace, lambda _: found)[0]
    given = {"operation": operation, "file_path": path, **PARAMS[operation]}
    step = StepInput("step", "Step", msgspec.convert(given, files.FileParams))
    return handler.fn(step, cast("ExecutionInput", Attempt(chat_id=chat_id)))


@pytest.fixture
def handbook(tmp_path: Path) -> Path:
    folder = tmp_path / "srv" / "handbook"
    folder.mkdir(parents=True)
    (folder / "leave.txt").write_text("30 days")
    return folder


# The handler.


@pytest.mark.parametrize("operation", PARAMS)
def test_a_path_that_begins_with_a_root_lies_in_it_in_every_chat(
    tmp_path: Path, handbook: Path, operation: str
) -> None:
    """And nothing is made in the chats' own folders."""
    roots = {"handbook": str(handbook)}

    for chat_id in (5, 6):
        (handbook / "notes.txt").write_text("new\n")
        do(tmp_path / "workspace", roots, operation, "handbook/notes.txt", chat_id)

    assert not (tmp_path / "workspace").exists()
    assert {"read": "new\n", "write": "new\n", "append": "new\nmore\n"}.get(operation) == (
        (handbook / "notes.txt").read_text() if operation != "delete" else None
    )


def test_a_relative_root_lies_in_the_workspace(tmp_path: Path) -> None:
    """Where the workflows of the developer write."""
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "leave.txt").write_text("30 days")

    assert "30 days" == do(tmp_path, {"handbook": "books"}, "read", "handbook/leave.txt")


def test_only_the_first_folder_of_a_path_names_a_root(tmp_path: Path, handbook: Path) -> None:
    """A file of that name, and a folder further in, are the chat's own."""
    roots = {"handbook": str(handbook)}
    before = tree(handbook)

    for path in ("handbook", "a/handbook/leave.txt", "Handbook/leave.txt"):
        do(tmp_path, roots, "write", path)

    assert before == tree(handbook)
    assert (tmp_path / "chats" / "number-5" / "handbook").is_file()


@pytest.mark.parametrize("operation", PARAMS)
@pytest.mark.parametrize("reason", WITHIN)
def test_a_hostile_path_in_a_root_reads_and_changes_nothing(tmp_path: Path, reason: str, operation: str) -> None:
    """The root is guarded as a chat's own folder is."""
    ground = Ground(tmp_path)
    ground.root = tmp_path / "shared" / "handbook"
    ground.filled["{root}"] = str(ground.root)
    ground.build(WITHIN[reason].get("tree", {}))
    before = ground.everything()

    with pytest.raises(SyncaraError) as caught:
        do(
            ground.workspace,
            {"handbook": str(ground.root)},
            operation,
            "handbook/" + ground.fill(WITHIN[reason]["path"]),
        )

    assert before == ground.everything()
    assert "path_refused" == caught.value.code
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("operation", PARAMS)
def test_a_root_that_is_not_there_is_not_made(tmp_path: Path, operation: str) -> None:
    """The failure is final, and tells the chat nothing of the disk."""
    with pytest.raises(NonRetryableError) as caught:
        do(tmp_path, {"handbook": str(tmp_path / "srv")}, operation, "handbook/leave.txt")

    assert "no_root" == cast("SyncaraError", caught.value).code
    assert str(tmp_path) not in str(caught.value)
    assert [] == list(tmp_path.iterdir())


# The policy.


def opened(base: Path, raw: Mapping[str, Any]) -> MultiStepProcessor:
    return MultiStepProcessor(base / "bot.db", policy=read(raw), workspace=base / "workspace", announce=False)


async def test_a_chat_reads_a_root_and_a_change_of_it_needs_an_owner(tmp_path: Path, handbook: Path) -> None:
    """The person of a private chat may not say yes to what reaches others."""
    root = {"handbook": {"path": str(handbook), "files": ["read"]}}
    raw = {"owners": [OWNER], "roots": root}
    async with opened(tmp_path, raw) as bot:
        seen = await bot.process_reply(READ, chat_id=MEMBER, user_id=MEMBER)
        run = await bot.wait(seen.execution_ids[0], 10)
        asked = await bot.process_reply(WRITE, chat_id=MEMBER, user_id=MEMBER)
        (approval,) = bot.list_approvals()

        assert run.steps["Read"].result is not None
        assert "30 days" == run.steps["Read"].result.data
        assert (OWNER,) == approval.approvers
        assert [("handbook/leave.txt", False)] == [(each.address, each.own) for each in approval.effects]

        await bot.approve(approval.id, user_id=OWNER)
        await bot.wait(asked.execution_ids[0], 10)

    assert "none" == (handbook / "leave.txt").read_text()


async def test_a_root_of_one_chat_is_no_root_of_another(tmp_path: Path, handbook: Path) -> None:
    """There the same path names the chat's own folder."""
    root = {"handbook": {"path": str(handbook), "files": ["read"]}}
    raw = {"files": "allow", "chat": [{"id": GROUP, "roots": root}]}
    async with opened(tmp_path, raw) as bot:
        seen = await bot.process_reply(READ, chat_id=7, user_id=MEMBER)
        run = await bot.wait(seen.execution_ids[0], 10)

    result = run.steps["Read"].result
    assert result is not None
    assert not result.success
    assert "there is no such file" in str(result.error)


async def read_after(base: Path, root: Path, change: Callable[[], Any]) -> str:
    """What a workflow reads in a root, or its error, when the disk changes after the database was opened."""
    raw = {"roots": {"handbook": {"path": str(root), "files": "allow"}}}
    async with opened(base, raw) as bot:
        bot.list_workflows()
        change()
        seen = await bot.process_reply(READ, chat_id=MEMBER, user_id=MEMBER)
        result = (await bot.wait(seen.execution_ids[0], 10)).steps["Read"].result
    assert result is not None
    return str(result.data if result.success else result.error)


def replaced_by_link(place: Path, target: Path) -> Callable[[], None]:
    def change() -> None:
        if place.exists():
            place.rename(place.with_name("old"))
        place.symlink_to(target)

    return change


@pytest.mark.parametrize("place", ["srv/handbook", "srv", "later"])
async def test_a_root_that_becomes_a_link_is_no_root_any_more(tmp_path: Path, handbook: Path, place: str) -> None:
    """Itself, or a folder above it, there at the start or not."""
    elsewhere = tmp_path / "elsewhere" / "handbook"
    elsewhere.mkdir(parents=True)
    for folder in (elsewhere, elsewhere.parent):
        (folder / "leave.txt").write_text(CANARY)
    root = tmp_path / "later" if place == "later" else handbook
    target = elsewhere.parent if place == "srv" else elsewhere

    said = await read_after(tmp_path, root, replaced_by_link(tmp_path / place, target))

    assert "no_root" in said
    assert CANARY not in said


async def test_a_link_to_a_root_leads_where_it_led_at_the_start(tmp_path: Path, handbook: Path) -> None:
    """Until it leads elsewhere."""
    link = tmp_path / "link"
    link.symlink_to(handbook)
    (tmp_path / "other").mkdir()

    def change() -> None:
        link.unlink()
        link.symlink_to(tmp_path / "other")

    assert "30 days" == await read_after(tmp_path, link, lambda: None)
    assert "no_root" in await read_after(tmp_path, link, change)


async def test_a_root_that_is_made_later_is_one(tmp_path: Path) -> None:
    """The policy may be written first."""
    root = tmp_path / "later"

    def change() -> None:
        root.mkdir()
        (root / "leave.txt").write_text("30 days")

    assert "30 days" == await read_after(tmp_path, root, change)


@pytest.mark.parametrize("operation", PARAMS)
def test_a_root_that_has_become_a_folder_of_chats_is_refused(tmp_path: Path, handbook: Path, operation: str) -> None:
    """As when something was mounted there: the open folder is compared, not its path."""
    root = Root(handbook, handbook, (tmp_path / "missing", handbook))
    handler = files.handlers(tmp_path, lambda _: {"handbook": root})[0]
    given = {"operation": operation, "file_path": "handbook/leave.txt", **PARAMS[operation]}
    step = StepInput("step", "Step", msgspec.convert(given, files.FileParams))

    with pytest.raises(NonRetryableError, match="no_root"):
        handler.fn(step, cast("ExecutionInput", Attempt()))
    assert "30 days" == (handbook / "leave.txt").read_text()


@pytest.mark.parametrize("folder", ["/proc/self/fd", "/proc", "/sys/kernel", "/dev/shm"])  # noqa: S108 - to be refused
def test_a_root_of_the_system_is_refused_at_the_start(tmp_path: Path, folder: str) -> None:
    """What lies there is no ordinary file."""
    with pytest.raises(ValidationError, match="root_refused"):
        opened(tmp_path, {"roots": {"system": {"path": folder}}}).list_workflows()


@pytest.mark.parametrize(
    ("folder", "what"),
    [
        ("workspace", "the chats' own folders"),
        ("workspace/chats", "the chats' own folders"),
        ("workspace/chats/number-5", "the chats' own folders"),
        ("data", "the database"),
        (".", "the database"),
        ("link", "the database"),
    ],
)
def test_a_root_that_holds_what_is_not_for_chats_is_refused_at_the_start(
    tmp_path: Path, folder: str, what: str
) -> None:
    """Through links, too, and before anything is opened."""
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to("data")
    policy = read({"chat": [{"id": 5, "roots": {"handbook": {"path": str(tmp_path / folder)}}}]})

    with pytest.raises(ValidationError) as caught:
        MultiStepProcessor(
            tmp_path / "data" / "bot.db", policy=policy, workspace=tmp_path / "workspace"
        ).list_workflows()

    problem = caught.value.problems[-1]
    assert ("root_refused", "policy, roots.handbook") == (problem.code, problem.where)
    assert what in str(caught.value)
    assert not (tmp_path / "data" / "bot.db").exists()


@pytest.mark.parametrize("inner", ["srv/hr", "srv", "srv/hr/pay", "link"])
def test_roots_that_hold_one_another_are_refused(tmp_path: Path, inner: str) -> None:
    """What one line denies could be read through the other."""
    (tmp_path / "srv" / "hr").mkdir(parents=True)
    (tmp_path / "link").symlink_to("srv/hr")
    roots = {"all": {"path": str(tmp_path / "srv"), "files": "allow"}, "hr": {"path": str(tmp_path / inner)}}

    for raw in (
        {"roots": roots},
        {"chat": [{"id": 5, "roots": roots}]},
        {"roots": {"all": roots["all"]}, "chat": [{"id": 5, "roots": {"hr": roots["hr"]}}]},
    ):
        with pytest.raises(ValidationError) as caught:
            opened(tmp_path, raw).list_workflows()

        assert [("root_refused", "policy, roots.all"), ("root_refused", "policy, roots.hr")] == sorted(
            (problem.code, problem.where) for problem in caught.value.problems
        )
    assert not (tmp_path / "bot.db").exists()


def test_two_chats_may_have_roots_of_which_one_lies_in_the_other(tmp_path: Path) -> None:
    """Each has one way to a file. Names that only begin alike are apart, too."""
    all_of_it, hr, more = ({"path": str(tmp_path / name)} for name in ("srv", "srv/hr", "srv-more"))
    raw = {"chat": [{"id": 5, "roots": {"all": all_of_it, "more": more}}, {"id": 6, "roots": {"hr": hr}}]}

    bot = opened(tmp_path, raw)
    assert [] == bot.list_workflows()
    bot.close()


@pytest.mark.parametrize("what", ["the database", "the file of the documents"])
def test_a_database_that_is_given_open_is_kept_from_roots_as_well(tmp_path: Path, what: str) -> None:
    """That of the runs, and that of the documents, wherever they are."""
    policy = read({"roots": {"handbook": {"path": str(tmp_path / "elsewhere")}}})
    (tmp_path / "elsewhere").mkdir()
    store = SqliteStore(tmp_path / "elsewhere" / "other.db")
    given: dict[str, Any] = {"store": store} if what == "the database" else {"documents": EmbeddedDocuments(store.file)}

    with pytest.raises(ValidationError) as caught:
        MultiStepProcessor(tmp_path / "bot.db", policy=policy, workspace=tmp_path, **given).list_workflows()
    store.close()

    assert [("root_refused", True)] == [(each.code, what in each.message) for each in caught.value.problems]
