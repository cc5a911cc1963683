"""The policy file: one object, defaults that need no file, and everything that is wrong in it at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from syncara.core.errors import ValidationError
from syncara.policy.policy import Collections, Policy, RoleRoot, RoleRules, Root, Rules, load, read, unknown_names
from syncara.policy.quotas import UNLIMITED, Quotas

ROOT = "[roots.handbook]\npath = '/srv'\n"
COMPLETE = """
# People and chats are named by id. A number and text are two different ids: 5 is not "5".
owners = [123456789]                # may approve everywhere
members = "anyone"                  # or a list of ids: nobody else may ask for anything
approval_s = 3_600                  # how long an approval is waited for
send_to = [-1001111111111]          # other chats that may be written to without approval
files = ["read"]                    # what needs no approval in a chat's own folder

[roots.handbook]                    # another folder, which chats share: its files are handbook/...
path = "/srv/handbook"
files = ["read"]                    # what needs no approval there

[handlers]                          # allow: never ask; approve: ask, unless a line below allows it; deny: never
notification = "approve"
report = "deny"

[web]                               # a host, *.domain or *: a word, or the methods that need no approval
"api.example.com" = ["GET", "POST"]
"*.weather.example" = "allow"
"ads.example.com" = "deny"

[collections]
own = ["find", "insert", "update"]  # what needs no approval in a chat's own collections
shared.products = ["find"]          # a collection that chats share with the program

[shortcodes]
"GROUP:PIN_MESSAGE" = "allow"

[role.member]                       # roles can only take away
commands = ["reads", "makes"]
handlers.api_call = "deny"
send_to = []
files = []
roots.handbook.files = "approve"
web."api.example.com" = ["GET"]
collections.own = ["find"]
collections.shared.products = "deny"
shortcodes."group:pin_message" = "approve"

[quotas]
open_executions = 20

[quotas.developer]
steps = 50_000

[[chat]]                            # what is written here lies over the general part, line by line
id = -1002222222222
approvers = [111]
approval_s = 60
members = [111, 222]
web."news.example.com" = ["GET"]
role.member.commands = ["reads"]
role.member.collections.own = "deny"
quotas.starts_per_hour = 10

[[chat]]
id = "support"
"""


def test_a_complete_file_gives_one_typed_object(tmp_path: Path) -> None:
    """Each line lands in the field of its name, and a chat's rules are complete."""
    path = tmp_path / "policy.toml"
    path.write_text(COMPLETE, "utf-8")
    hosts: dict[str, Any] = {
        "api.example.com": ("GET", "POST"),
        "*.weather.example": "allow",
        "ads.example.com": "deny",
    }
    member = RoleRules(
        ("reads", "makes"),
        {"api_call": "deny"},
        send_to=(),
        files=(),
        roots={"handbook": RoleRoot("approve")},
        web={"api.example.com": ("GET",)},
        collections=Collections(("find",), {"products": "deny"}),
        shortcodes={"GROUP:PIN_MESSAGE": "approve"},
    )
    general = Rules(
        approval_s=3_600,
        send_to=(-1001111111111,),
        files=("read",),
        roots={"handbook": Root("/srv/handbook", ("read",))},
        handlers={"notification": "approve", "report": "deny"},
        web=hosts,
        collections=Collections(shared={"products": ("find",)}),
        shortcodes={"GROUP:PIN_MESSAGE": "allow"},
        role={**Rules().role, "member": member},
        quotas=Quotas(open_executions=20),
    )
    team = msgspec.structs.replace(
        general,
        approvers=(111,),
        approval_s=60,
        members=(111, 222),
        web={**hosts, "news.example.com": ("GET",)},
        role={
            **general.role,
            "member": msgspec.structs.replace(
                member, commands=("reads",), collections=Collections("deny", {"products": "deny"})
            ),
        },
        quotas=Quotas(open_executions=20, starts_per_hour=10),
    )

    assert Policy(
        (123456789,),
        general,
        {-1002222222222: team, "support": general},
        msgspec.structs.replace(UNLIMITED, steps=50_000),
    ) == load(path)


def test_without_a_file_the_policy_is_that_of_an_empty_one(tmp_path: Path) -> None:
    """Nothing has to be configured."""
    path = tmp_path / "policy.toml"
    path.write_text("", "utf-8")

    assert Policy() == load(path)


def test_a_chat_s_id_keeps_its_type() -> None:
    """A number and the text of it name two chats, and neither is true or 5.0."""
    policy = read({"chat": [{"id": 5, "approvers": [1]}, {"id": "5", "approvers": ["1"]}, {"id": 1, "approvers": [2]}]})

    assert [(1,), ("1",), (2,)] == [policy.rules(chat_id).approvers for chat_id in (5, "5", 1)]
    assert [(), (), (), (), ()] == [policy.rules(chat_id).approvers for chat_id in (5.0, True, None, "1", 6)]


def test_a_chat_s_line_replaces_the_general_one_of_its_name_only() -> None:
    """What a chat does not name stays as it is everywhere, denials included."""
    policy = read(
        {
            "members": [1],
            "handlers": {"file_operation": "deny", "log": "deny"},
            "web": {"a.example": "deny"},
            "collections": {"own": ["find"], "shared": {"products": ["find"]}},
            "chat": [
                {
                    "id": 5,
                    "members": "anyone",
                    "handlers": {"log": "allow"},
                    "web": {"b.example": "allow"},
                    "collections": {"shared": {"orders": ["insert"]}},
                }
            ],
        }
    )
    rules = policy.rules(5)

    assert rules.members is None
    assert {"file_operation": "deny", "log": "allow"} == rules.handlers
    assert {"a.example": "deny", "b.example": "allow"} == rules.web
    assert Collections(("find",), {"products": ("find",), "orders": ("insert",)}) == rules.collections
    assert {"file_operation": "deny", "log": "deny"} == policy.general.handlers


def test_each_author_has_quotas_of_its_own() -> None:
    """The developer is held by the developer's, an assistant by those of its chat."""
    policy = read({"quotas": {"steps": 5, "developer": {"steps": 9}}, "chat": [{"id": 1, "quotas": {"steps": 2}}]})

    assert [9, 9, 5, 2] == [
        policy.quotas(author, chat).steps  # type: ignore[arg-type]
        for author, chat in [("developer", None), ("developer", 1), ("ai", None), ("ai", 1)]
    ]


@pytest.mark.parametrize(
    ("text", "code", "where", "fix"),
    [
        ("ownrs = [5]", "unknown_key", "ownrs", "Did you mean 'owners'?"),
        ("approvers = [5]", "unknown_key", "approvers", "below a [[chat]]; owners may"),
        ("owners = 5", "wrong_type", "owners", "write a list"),
        ("owners = [5, true]", "wrong_type", "owners[1]", "two different ids"),
        ("owners = [5.0]", "wrong_type", "owners[0]", "two different ids"),
        ('owners = [""]', "wrong_type", "owners[0]", "two different ids"),
        ('members = "everyone"', "wrong_type", "members", "write a list"),
        ('files = ["raed"]', "wrong_value", "files[0]", "Did you mean 'read'?"),
        ('files = "alow"', "wrong_value", "files", "Did you mean 'allow'?"),
        ("[roots.a]", "missing_key", "roots.a", "path = "),
        ('[roots]\na = "/srv"', "wrong_type", "roots.a", "write [roots.a]"),
        ("[roots.a]\npath = 5", "wrong_type", "roots.a.path", "write text"),
        ('[roots.a]\npath = ""', "wrong_type", "roots.a.path", "write text"),
        ('[roots.a]\npath = "~/a"', "wrong_value", "roots.a.path", "without '~'"),
        ('[roots.a]\npath = "../a"', "wrong_value", "roots.a.path", "'..'"),
        ('[roots.a]\npath = "/srv"\nfile = "allow"', "unknown_key", "roots.a.file", "Did you mean 'files'?"),
        ('[roots.a]\npath = "/srv"\nfiles = ["find"]', "wrong_value", "roots.a.files[0]", "choose one"),
        ('[roots."a/b"]\npath = "/srv"', "wrong_value", 'roots."a/b"', "handbook"),
        ('[roots.".."]\npath = "/srv"', "wrong_value", 'roots.".."', "handbook"),
        ('[handlers]\nlog = "alow"', "wrong_value", "handlers.log", "Did you mean 'allow'?"),
        ('[handlers]\nlog = ["allow"]', "wrong_value", "handlers.log", "choose one"),
        ('handlers = "allow"', "wrong_type", "handlers", "write [handlers]"),
        ('[web]\n"a.example" = ["get"]', "wrong_value", 'web."a.example"[0]', ""),
        ('[web]\n"https://A.example/x" = "deny"', "wrong_value", 'web."https://A.example/x"', "write a.example"),
        ('[web]\n"a.example:443" = "deny"', "wrong_value", 'web."a.example:443"', "write a.example"),
        ('[web]\n"a.*.example" = "deny"', "wrong_value", 'web."a.*.example"', "*.example.com"),
        ('[web]\n"b\u00fccher.example" = "deny"', "wrong_value", 'web."b\u00fccher.example"', "write api.example.com"),
        ('[web]\n"A.example" = "deny"\n"a.example" = "deny"', "duplicate", 'web."a.example"', "keep one line"),
        ('[secrets]\nA = "a.example"', "wrong_type", "secrets.A", "write a list"),
        ('[secrets]\nA = ["https://a.example/x"]', "wrong_value", "secrets.A", "write a.example"),
        ('[secrets]\nA = ["a.example:9000"]', "wrong_value", "secrets.A", "the ports are 80, 443, 8080, 8443"),
        ('[secrets]\nA = ["a.example:"]', "wrong_value", "secrets.A", "the ports are 80, 443, 8080, 8443"),
        ('[shortcodes]\nPIN = "allow"', "wrong_value", "shortcodes.PIN", "GROUP:PIN_MESSAGE"),
        ('[collections]\nprivate = ["find"]', "unknown_key", "collections.private", "there are own, shared"),
        ('[collections.shared]\na = ["drop"]', "wrong_value", "collections.shared.a[0]", "choose one"),
        ('[role.stranger]\ncommands = ["reads"]', "unknown_key", "role.stranger", "there are owner"),
        ('[role.member]\ncommands = ["read"]', "wrong_value", "role.member.commands[0]", "Did you mean 'reads'?"),
        ('[role.member]\ncommands = "reads"', "wrong_type", "role.member.commands", "write a list"),
        *(
            (f"approval_s = {wrong}", "wrong_value", "approval_s", "write 600 for ten minutes")
            for wrong in ("0", "-1", "1.5", "true", '"600"', "2592001")
        ),
        ("[role.member]\napproval_s = 5", "unknown_key", "role.member.approval_s", ""),
        ("[role.member.quotas]", "unknown_key", "role.member.quotas", "there are commands, send_to, files, roots"),
        ("[role.member]\nsend_to = 5", "wrong_type", "role.member.send_to", "write a list"),
        ('[role.member]\nfiles = ["raed"]', "wrong_value", "role.member.files[0]", "Did you mean 'read'?"),
        ('[role.member]\nweb."a.example" = ["get"]', "wrong_value", 'role.member.web."a.example"[0]', ""),
        ('[role.member]\nshortcodes.PIN = "deny"', "wrong_value", "role.member.shortcodes.PIN", "GROUP:PIN_MESSAGE"),
        ("[role.member]\ncollections.own = 5", "wrong_value", "role.member.collections.own", "choose one"),
        ("[role.member]\nroots.a.path = '/srv'", "unknown_key", "role.member.roots.a.path", "there are files"),
        (ROOT + "[role.member]\nroots.b.files = []", "unknown_key", "role.member.roots.b", "name it in roots"),
        (ROOT + "[role.owner]\nroots.handbok.files = []", "unknown_key", "role.owner.roots.handbok", "'handbook'"),
        (
            '[role.member]\ncollections.shared.a = "deny"',
            "unknown_key",
            "role.member.collections.shared.a",
            "name it in collections.shared",
        ),
        ("[quotas]\nstep = 5", "unknown_key", "quotas.step", "Did you mean 'steps'?"),
        ('[quotas]\nsteps = "5"', "wrong_type", "quotas.steps", "write a number"),
        ("[quotas]\nsteps = -1", "wrong_type", "quotas.steps", "write a number"),
        ("[quotas]\nsteps = true", "wrong_type", "quotas.steps", "write a number"),
        ("[quotas.developer]\nstep = 5", "unknown_key", "quotas.developer.step", "Did you mean 'steps'?"),
        ('[chat."5"]\nmembers = [5]', "wrong_type", "chat", "[[chat]]"),
        ("[[chat]]\nmembers = [5]", "missing_key", "chat[0]", "id = "),
        ("[[chat]]\nid = 5\n[[chat]]\nid = 5", "duplicate", "chat[1]", "put its lines together"),
        ("[[chat]]\nid = 5\nowners = [5]", "unknown_key", "chat[0].owners", ""),
        ("[[chat]]\nid = 5\n[chat.quotas.developer]", "unknown_key", "chat[0].quotas.developer", ""),
    ],
)
def test_a_line_that_is_wrong_is_named_with_its_place_and_the_way_out(
    tmp_path: Path, text: str, code: str, where: str, fix: str
) -> None:
    """Nothing is guessed, and nothing that was not understood is left out."""
    path = tmp_path / "policy.toml"
    path.write_text(text, "utf-8")

    with pytest.raises(ValidationError) as caught:
        load(path)

    (problem,) = caught.value.problems
    assert (code, f"{path}, {where}") == (problem.code, problem.where)
    assert fix in problem.fix


def test_a_role_s_line_may_be_about_what_one_chat_shares() -> None:
    """The other chats do not have it, and so nothing to take away."""
    shares = {"roots": {"a": {"path": "/srv"}}, "collections": {"shared": {"b": "allow"}}}
    takes = {"roots": {"a": {"files": "deny"}}, "collections": {"shared": {"b": "deny"}}}

    assert {"a"} == read({"role": {"member": takes}, "chat": [{"id": 5, **shares}]}).rules(5).role[
        "member"
    ].roots.keys()


def test_a_role_s_root_in_a_chat_lies_over_the_general_one() -> None:
    """A table that says nothing takes no denial away."""
    taken = {"role": {"member": {"roots": {"hr": {"files": "deny"}}}}}
    silent: dict[str, Any] = {"role": {"member": {"roots": {"hr": {}}}}}
    new: dict[str, Any] = {"role": {"owner": {"roots": {"hr": {}}}}}
    chats = [{"id": 5, **silent}, {"id": 6, **new}]
    policy = read({"roots": {"hr": {"path": "/srv/hr"}}, **taken, "chat": chats})

    assert RoleRoot("deny") == policy.rules(5).role["member"].roots["hr"]
    assert RoleRoot("allow") == policy.rules(6).role["owner"].roots["hr"]


def test_an_address_in_brackets_is_one() -> None:
    """A line that names none would deny nothing."""
    with pytest.raises(ValidationError, match="wrong_value"):
        read({"web": {"[1:2:3]": "deny"}})


def test_everything_that_is_wrong_is_said_at_once() -> None:
    """One look at the file is enough to correct it."""
    raw = {
        "owner": [5],
        "files": "never",
        "handlers": {"log": 1, "delay": "deny"},
        "chat": [{"id": 5, "web": {"x y": 1}}, {"quotas": 5}],
    }

    with pytest.raises(ValidationError) as caught:
        read(raw)

    assert [
        "policy, owner",
        "policy, files",
        "policy, handlers.log",
        'policy, chat[0].web."x y"',
        'policy, chat[0].web."x y"',
        "policy, chat[1].quotas",
        "policy, chat[1]",
    ] == [problem.where for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("content", "code"), [(b"owners = [", "bad_toml"), (b"\xff", "bad_toml"), (None, "unreadable")]
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None, code: str) -> None:
    """No TOML, no UTF-8, or no file: the error says which and where."""
    path = tmp_path / "policy.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ValidationError) as caught:
        load(path)

    assert (code, str(path)) == (caught.value.code, caught.value.where)


def test_what_the_policy_names_and_is_not_there_is_found() -> None:
    """A slip in a name would leave open what the line was to close."""
    policy = read(
        {
            "handlers": {"file_operatoin": "deny", "log": "allow"},
            "shortcodes": {"group:pin_mesage": "deny"},
            "role": {"member": {"handlers": {"api_cal": "deny"}, "shortcodes": {"group:pinmessage": "deny"}}},
            "secrets": {"SHOP_TOKEN": ["shop.example"]},
            "chat": [{"id": 5}],
        }
    )

    assert [
        ("unknown_handler", "Did you mean 'api_call'?"),
        ("unknown_handler", "Did you mean 'file_operation'?"),
        ("unknown_shortcode", "Did you mean 'GROUP:PIN_MESSAGE'?"),
        ("unknown_shortcode", "Did you mean 'GROUP:PIN_MESSAGE'?"),
        ("unknown_secret", "Did you mean 'SHOPTOKEN'?"),
    ] == [
        (problem.code, problem.fix)
        for problem in unknown_names(
            policy, {"log", "api_call", "file_operation"}, {"GROUP:PIN_MESSAGE"}, ["SHOPTOKEN"]
        )
    ]
