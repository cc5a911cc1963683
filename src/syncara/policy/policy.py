"""Who may do what: one object, read from one TOML file. `Policy()` is how it is without a file.

Three words decide: `allow`, `approve` (a person is asked first) and `deny`. A list of operations instead of a word
names those that need no approval. The table of a `[[chat]]` lies over the general one, line by line. A `[role.…]` can
only take away from that. The developer's own workflows are held by `[quotas.developer]` and by nothing else.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from syncara.core.check import shown
from syncara.core.errors import Problem, ValidationError, nearest
from syncara.core.model import Author
from syncara.handlers import rooted
from syncara.policy.addresses import PORTS, is_ipv6, one_spelling
from syncara.policy.quotas import UNLIMITED, Quotas

Id = int | str
"""Of a chat or a person: 5 and "5" are two."""
Decision = Literal["allow", "approve", "deny"]
Grant = Decision | tuple[str, ...]
"""A word, or the operations that need no approval; what is not among them is left to the handler's line."""
Role = Literal["owner", "approver", "member", "stranger"]
CommandKind = Literal["reads", "makes", "acts"]
"""See `commands.registry.Kind`."""

COMMAND_KINDS: tuple[CommandKind, ...] = get_args(CommandKind)
FILE_OPERATIONS = ("read", "write", "append", "delete")
COLLECTION_OPERATIONS = ("find", "insert", "update", "delete")
APPROVAL_S_MAX = 30 * 86_400
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


_OF_THE_SYSTEM = {f"{path}, which holds no ordinary files": Path(path) for path in ("/proc", "/sys", "/dev")}


class Collections(msgspec.Struct, frozen=True):
    own: Grant = ("find", "insert", "update")
    """In the chat's own collections: all but the shared ones."""
    shared: dict[str, Grant] = {}
    """Collections that the chat has in common with the program, and with every chat that shares them."""


class Root(msgspec.Struct, frozen=True):
    """A folder that chats have in common with the program; a path in it begins with the root's name."""

    path: str
    """Absolute, or in the workspace folder."""
    files: Grant = ()
    """What needs no approval there."""


class RoleRoot(msgspec.Struct, frozen=True):
    files: Grant = "allow"


class RoleRules(msgspec.Struct, frozen=True):
    """What one role may ask for at the most: lines as in `Rules`, which take away from those and add nothing.

    A list names what it takes nothing away from; everything else that the line is about needs approval.
    """

    commands: tuple[CommandKind, ...] = COMMAND_KINDS
    handlers: dict[str, Decision] = {}
    send_to: tuple[Id, ...] | None = None
    """None: nothing is taken away."""
    files: Grant = "allow"
    roots: dict[str, RoleRoot] = {}
    web: dict[str, Grant] = {}
    collections: Collections = Collections(own="allow")
    shortcodes: dict[str, Decision] = {}


def _roles() -> dict[str, RoleRules]:
    return {"owner": RoleRules(), "approver": RoleRules(), "member": RoleRules(), "stranger": RoleRules(())}


class Rules(msgspec.Struct, frozen=True):
    """What holds in one chat; its fields, and theirs, are named as in the file."""

    approvers: tuple[Id, ...] = ()
    """Who may approve here, beside the owners."""
    approval_s: int = 600
    """How many seconds a plan waits for its approval."""
    members: tuple[Id, ...] | None = None
    """Who may ask for anything at all; None: anyone."""
    send_to: tuple[Id, ...] = ()
    """Other chats that may be written to without approval."""
    files: Grant = ()
    """In the chat's own folder."""
    roots: dict[str, Root] = {}
    """Other folders, by the name with which a path in them begins: that name is no folder of the chat's own, then."""
    handlers: dict[str, Decision] = {}
    """Those that are not named follow `judge.DEFAULTS`."""
    web: dict[str, Grant] = {}
    """By host, `*.domain` or `*`; the line that names a host most exactly counts."""
    collections: Collections = Collections()
    shortcodes: dict[str, Decision] = {}
    """By name, in upper case."""
    secrets: dict[str, tuple[str, ...]] = {}
    """Which secrets an assistant may name, and the hosts that each may be sent to: over https, on its port or on one
    that is written behind the host."""
    role: dict[str, RoleRules] = msgspec.field(default_factory=_roles)
    quotas: Quotas = Quotas()


GENERAL = Rules()


class Policy(msgspec.Struct, frozen=True):
    owners: tuple[Id, ...] = ()
    """Who may approve everywhere."""
    general: Rules = GENERAL
    chats: dict[Id, Rules] = {}
    """Chats that have rules of their own, complete: `read` has laid them over the general ones."""
    developer: Quotas = UNLIMITED

    def rules(self, chat_id: Any) -> Rules:
        return self.chats.get(chat_id, self.general) if type(chat_id) in (int, str) else self.general

    def quotas(self, author: Author, chat_id: Any) -> Quotas:
        return self.developer if author == "developer" else self.rules(chat_id).quotas


def load(path: str | os.PathLike[str]) -> Policy:
    """The policy of a TOML file. Raises ValidationError with everything that is wrong in it."""
    try:
        raw = tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        problem = Problem("unreadable", str(path), f"the policy cannot be read: {error.strerror}", "check the path")
        raise ValidationError([problem]) from None
    except ValueError as error:  # what is no TOML, or no UTF-8
        raise ValidationError([Problem("bad_toml", str(path), str(error), "correct it at this place")]) from None
    return read(raw, str(path))


def read(raw: Mapping[str, Any], where: str = "policy") -> Policy:
    """The policy of a parsed file. Raises ValidationError with everything that is wrong in it."""
    reader = _Reader(where)
    lines = {**reader.shared_lines(), "owners": reader.ids, "chat": reader.chats}
    given = reader.table({key: line for key, line in raw.items() if key != "approvers"}, "", lines)
    if "approvers" in raw:
        reader.refuse_general("approvers")
    if reader.problems:
        raise ValidationError(reader.problems)
    owners, chats = given.pop("owners", ()), given.pop("chat", {})
    developer = given.get("quotas", {}).pop("developer", {})
    general = _over(GENERAL, given)
    rules = {chat_id: _over(general, lines) for chat_id, lines in chats.items()}
    policy = Policy(owners, general, rules, _over(UNLIMITED, developer))
    if problems := _unshared(policy, where):
        raise ValidationError(problems)
    return policy


def _unshared(policy: Policy, where: str) -> list[Problem]:
    """Roots and shared collections that a role's lines name and no chat has: slips that would take nothing away."""
    everywhere = _everywhere(policy)
    roots = {name for rules in everywhere for name in rules.roots}
    shared = {name for rules in everywhere for name in rules.collections.shared}
    found: dict[Problem, None] = {}
    for role, taken in ((role, taken) for rules in everywhere for role, taken in rules.role.items()):
        tables = (("roots", taken.roots, roots), ("collections.shared", taken.collections.shared, shared))
        for table, name, known in ((table, name, known) for table, names, known in tables for name in names):
            if name not in known:
                here = _joined(f"{where}, role.{role}.{table}", name)
                fix = nearest(name, known) or f"name it in {table} as well"
                found[Problem("unknown_key", here, f"there is no '{name}' in {table}", fix)] = None
    return list(found)


def unknown_names(
    policy: Policy, handlers: Collection[str], shortcodes: Collection[str], secrets: Collection[str]
) -> list[Problem]:
    """What the policy names and is not there: slips that would leave a gap, or a secret that nobody can use."""
    found: dict[Problem, None] = {}
    for rules in _everywhere(policy):
        all_lines: list[Rules | RoleRules] = [rules, *rules.role.values()]
        named = {name for lines in all_lines for name in lines.handlers}
        called = {name for lines in all_lines for name in lines.shortcodes}
        kinds = (
            ("handler", named, handlers),
            ("shortcode", called, shortcodes),
            ("secret", rules.secrets.keys(), secrets),
        )
        for what, names, known in kinds:
            for name in sorted(names - set(known)):
                fix = nearest(name, known) or f"the {what}s are " + ", ".join(sorted(known))
                problem = Problem(f"unknown_{what}", f"policy, {what} '{name}'", f"there is no {what} '{name}'", fix)
                found[problem] = None
    return list(found)


def shared_roots(policy: Policy, workspace: Path, apart: Mapping[str, Path]) -> dict[str, rooted.Root]:
    """All roots of all chats, by the paths that the policy names, as they lead now; `apart` as below."""
    kept_out = frozenset(folder for path in apart.values() for folder in (path, *path.parents))
    paths = {root.path: workspace / root.path for rules in _everywhere(policy) for root in rules.roots.values()}
    return {named: rooted.Root(path, Path(os.path.realpath(path)), kept_out) for named, path in paths.items()}


def misplaced_roots(policy: Policy, shared: Mapping[str, rooted.Root], apart: Mapping[str, Path]) -> list[Problem]:
    """Roots that overlap with what no chat may reach through them, or with each other: two lines about one file.

    `apart` says by its name what is not to be reached, each a real path.
    """
    found: dict[Problem, None] = {}
    for rules in _everywhere(policy):
        folders = {f"roots.{name}": shared[root.path].real for name, root in rules.roots.items()}
        for name, folder in folders.items():
            for what, there in {**_OF_THE_SYSTEM, **apart, **folders}.items():
                if what != name and (there.is_relative_to(folder) or folder.is_relative_to(there)):
                    message = f"its folder {folder} holds {what}, or lies in it"
                    found[Problem("root_refused", f"policy, {name}", message, "name a folder of its own")] = None
    return list(found)


def _everywhere(policy: Policy) -> tuple[Rules, ...]:
    return policy.general, *policy.chats.values()


def _over(old: Any, given: Any) -> Any:
    """`given` laid over `old`: tables line by line, anything else as a whole."""
    if not isinstance(given, dict):
        return given
    if isinstance(old, dict):
        return {**old, **{name: _over(old.get(name), line) for name, line in given.items()}}
    old = RoleRoot() if old is None else old  # the only table of lines below a name
    return msgspec.structs.replace(old, **{name: _over(getattr(old, name), line) for name, line in given.items()})


Parse = Callable[[Any, str], Any]
"""Reads the value at a place, and notes what is wrong with it."""

_HOST = re.compile(r"\*|(?:\*\.)?[a-z\d_-]+(?:\.[a-z\d_-]+)*|\[[a-f\d:.]+\]", re.ASCII)
_BARE_KEY = re.compile(r"[A-Za-z\d_-]+", re.ASCII)
_SHORTCODE = re.compile(r"[A-Z\d_]+:[A-Z\d_]+", re.ASCII)


class _Reader:
    """Reads the lines of a policy, and goes on where one is wrong. A place is written as in TOML: `web."a.example"`."""

    def __init__(self, where: str) -> None:
        self.problems: list[Problem] = []
        self._where = where

    def shared_lines(self) -> dict[str, Parse]:
        """What the general part and the part of one chat have in common."""
        return {
            "approval_s": self._approval_s,
            "members": self._members,
            **self._effect_lines(self._root),
            "secrets": self._names(self._hosts),
            "role": self._roles,
            "quotas": self._quotas,
        }

    def _effect_lines(self, root: Parse) -> dict[str, Parse]:
        """What the rules of a chat and those of a role have in common; `root` reads one of `roots`."""
        return {
            "send_to": self.ids,
            "files": self._grant(FILE_OPERATIONS),
            "roots": self._names(root, self._root_name),
            "handlers": self._names(self._decision),
            "web": self._names(self._grant(METHODS), self._host),
            "collections": self._collections,
            "shortcodes": self._names(self._decision, self._shortcode),
        }

    def table(self, value: Any, place: str, lines: Mapping[str, Parse]) -> dict[str, Any]:
        """The lines that are there, each read in its own way."""
        if not isinstance(value, dict):
            self._refuse("wrong_type", place, f"it must be a table, and is {shown(value)}", f"write [{place}]")
            return {}
        found: dict[str, Any] = {}
        for key, entry in value.items():
            here = _joined(place, key)
            if key not in lines:
                fix = nearest(key, lines) or "there are " + ", ".join(lines)
                self._refuse("unknown_key", here, f"there is no '{key}' here", fix)
            else:
                found[key] = lines[key](entry, here)
        return found

    def _refuse(self, code: str, place: str, message: str, fix: str) -> None:
        self.problems.append(Problem(code, f"{self._where}, {place}", message, fix))

    def ids(self, value: Any, place: str) -> tuple[Id, ...]:
        if not isinstance(value, list):
            fix = "write a list, such as [123456789]"
            self._refuse("wrong_type", place, f"it must be a list of ids, and is {shown(value)}", fix)
            return ()
        return tuple(self._id(entry, f"{place}[{number}]") for number, entry in enumerate(value))

    def _id(self, value: Any, place: str) -> Id:
        if type(value) is not int and (type(value) is not str or not value):
            fix = 'write a number as 5 and text as "5": they are two different ids'
            self._refuse("wrong_type", place, f"an id is a whole number or text, not {shown(value)}", fix)
            return ""
        return value

    def _members(self, value: Any, place: str) -> tuple[Id, ...] | None:
        return None if value == "anyone" else self.ids(value, place)

    def refuse_general(self, key: str) -> None:
        """For a line that there is, but not in the general part."""
        fix = "write it below a [[chat]]; owners may approve everywhere"
        self._refuse("unknown_key", key, f"'{key}' is a line of one chat", fix)

    def _approval_s(self, value: Any, place: str) -> int:
        if type(value) is not int or not 1 <= value <= APPROVAL_S_MAX:
            message = f"it must be a whole number of seconds, from 1 to {APPROVAL_S_MAX}, and is {shown(value)}"
            self._refuse("wrong_value", place, message, "write 600 for ten minutes; thirty days are the most")
            return 1
        return value

    def _decision(self, value: Any, place: str) -> Any:
        return self._one_of(value, place, get_args(Decision))

    def _one_of(self, value: Any, place: str, words: tuple[str, ...], also: str = "") -> Any:
        if value not in words:
            fix = nearest(value, words) if isinstance(value, str) else ""
            allowed = ", ".join(f'"{word}"' for word in words) + also
            self._refuse(
                "wrong_value", place, f"it must be one of {allowed}, and is {shown(value)}", fix or "choose one"
            )
        return value

    def _grant(self, operations: tuple[str, ...]) -> Parse:
        def parse(value: Any, place: str) -> Grant:
            if isinstance(value, list):
                return self._list_of(value, place, operations)
            word: Grant = self._one_of(value, place, get_args(Decision), f" or a list of {', '.join(operations)}")
            return word

        return parse

    def _list_of(self, value: Any, place: str, words: tuple[str, ...]) -> tuple[Any, ...]:
        if not isinstance(value, list):
            fix = f'write a list, such as ["{words[0]}"]'
            self._refuse("wrong_type", place, f"it must be a list, and is {shown(value)}", fix)
            return ()
        return tuple(self._one_of(entry, f"{place}[{number}]", words) for number, entry in enumerate(value))

    def _names(self, parse: Parse, name: Callable[[str, str], str] = lambda key, place: key) -> Parse:
        """A table of which the keys are names; `name` reads one."""

        def parse_table(value: Any, place: str) -> dict[str, Any]:
            if not isinstance(value, dict):
                self._refuse("wrong_type", place, f"it must be a table, and is {shown(value)}", f"write [{place}]")
                return {}
            found: dict[str, Any] = {}
            for key, entry in value.items():
                here = _joined(place, key)
                read_key = name(key, here)
                if read_key in found:
                    self._refuse("duplicate", here, f"'{read_key}' is there twice", "keep one line")
                found[read_key] = parse(entry, here)
            return found

        return parse_table

    def _host(self, key: str, place: str) -> str:
        bracketed = key.startswith("[")
        host = f"[{one_spelling(key[1:-1])}]" if bracketed else key.lower()
        if not _HOST.fullmatch(host) or (bracketed and not is_ipv6(host[1:-1])):
            bare = re.sub(r"^\w+://|[/:?#].*$", "", host)
            fix = f"write {bare}" if _HOST.fullmatch(bare) else "write api.example.com, *.example.com or *"
            message = "it must be a host in ASCII letters, without scheme, port or path"
            self._refuse("wrong_value", place, message, fix)
        return host

    def _hosts(self, value: Any, place: str) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
            self._refuse("wrong_type", place, f"it must be a list of hosts, and is {shown(value)}", "write a list")
            return ()
        return tuple(self._host_and_port(entry, place) for entry in value)

    def _host_and_port(self, text: str, place: str) -> str:
        """A host, with its port where that is not the one of https."""
        host = re.sub(r":\d*\Z", "", text, flags=re.ASCII)
        port = text[len(host) :]
        if port and port not in (f":{each}" for each in PORTS):
            fix = "the ports are " + ", ".join(map(str, sorted(PORTS)))
            self._refuse("wrong_value", place, f"{port[1:] or 'nothing'} is no port of web servers", fix)
        return self._host(host, place) + ("" if port == ":443" else port)

    def _shortcode(self, key: str, place: str) -> str:
        name = key.upper()
        if not _SHORTCODE.fullmatch(name):
            self._refuse("wrong_value", place, "a shortcode is FAMILY:COMMAND", 'write it as "GROUP:PIN_MESSAGE"')
        return name

    def _collections(self, value: Any, place: str) -> dict[str, Any]:
        grant = self._grant(COLLECTION_OPERATIONS)
        return self.table(value, place, {"own": grant, "shared": self._names(grant)})

    def _root_name(self, key: str, place: str) -> str:
        if not _BARE_KEY.fullmatch(key):
            message = "the name of a root is the first folder of paths, of letters, digits, '_' and '-'"
            self._refuse("wrong_value", place, message, "write it as handbook")
        return key

    def _root(self, value: Any, place: str) -> Root:
        lines = {"path": self._root_path, "files": self._grant(FILE_OPERATIONS)}
        given = {"path": "", **self.table(value, place, lines)}
        if isinstance(value, dict) and "path" not in value:
            self._refuse("missing_key", place, "the root has no 'path'", 'add a line such as path = "/srv/handbook"')
        return Root(**given)

    def _root_path(self, value: Any, place: str) -> str:
        if not isinstance(value, str) or not value or "\0" in value:
            self._refuse("wrong_type", place, f"it must be the path of a folder, and is {shown(value)}", "write text")
            return ""
        if value.startswith("~") or ".." in Path(value).parts:
            message = f"the path is absolute, or in the workspace folder, and is {shown(value)}"
            self._refuse("wrong_value", place, message, "write it without '~' and '..'")
        return value

    def _role_root(self, value: Any, place: str) -> dict[str, Any]:
        return self.table(value, place, {"files": self._grant(FILE_OPERATIONS)})

    def _roles(self, value: Any, place: str) -> dict[str, Any]:
        commands: Parse = lambda value, place: self._list_of(value, place, COMMAND_KINDS)  # noqa: E731
        lines = {"commands": commands, **self._effect_lines(self._role_root)}
        role: Parse = lambda value, place: self.table(value, place, lines)  # noqa: E731
        return self.table(value, place, dict.fromkeys(("owner", "approver", "member"), role))

    def _quotas(self, value: Any, place: str) -> dict[str, Any]:
        numbers = dict.fromkeys(Quotas.__struct_fields__, self._number)
        lines: dict[str, Parse] = {**numbers, "developer": lambda value, place: self.table(value, place, numbers)}
        return self.table(value, place, lines if place == "quotas" else numbers)

    def _number(self, value: Any, place: str) -> int:
        if type(value) is not int or value < 0:
            self._refuse("wrong_type", place, f"it must be a whole number, and is {shown(value)}", "write a number")
            return 0
        return value

    def chats(self, value: Any, place: str) -> dict[Id, dict[str, Any]]:
        if not isinstance(value, list):
            fix = 'begin each with [[chat]], and name it in a line of its own: id = 5, or id = "5" for text'
            self._refuse("wrong_type", place, "the chats must be a list of tables", fix)
            return {}
        found: dict[Id, dict[str, Any]] = {}
        lines = {**self.shared_lines(), "id": self._id, "approvers": self.ids}
        for number, entry in enumerate(value):
            here = f"{place}[{number}]"
            table = self.table(entry, here, lines)
            chat_id = table.pop("id", "")
            if isinstance(entry, dict) and "id" not in entry:
                self._refuse("missing_key", here, "the chat has no 'id'", "add a line such as id = -1001234567890")
            elif chat_id in found:
                self._refuse("duplicate", here, f"the chat {shown(chat_id)} is there twice", "put its lines together")
            found[chat_id] = table
        return found


def _joined(place: str, key: str) -> str:
    written = key if _BARE_KEY.fullmatch(key) else f'"{key}"'
    return f"{place}.{written}" if place else written
