"""Who somebody is in a chat, what that lets them ask for, and who may approve."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from syncara.commands import registry
from syncara.policy.policy import COMMAND_KINDS, Role, read
from syncara.policy.roles import among, approvers, may_ask, role

OWNER, APPROVER, MEMBER, OTHER, GROUP = 1, 2, 3, 4, -100
GROUP_OF_TWO = {"id": GROUP, "approvers": [APPROVER], "members": [MEMBER]}


@pytest.mark.parametrize(
    ("raw", "chat", "user", "expected"),
    [
        ({}, GROUP, MEMBER, "member"),
        ({}, MEMBER, MEMBER, "approver"),
        ({}, None, None, "member"),
        ({"owners": [OWNER]}, GROUP, OWNER, "owner"),
        ({"owners": [OWNER]}, OWNER, OWNER, "owner"),
        ({"owners": [OWNER]}, GROUP, str(OWNER), "member"),
        ({"owners": [OWNER]}, GROUP, True, "member"),
        ({"owners": [OWNER]}, MEMBER, MEMBER, "member"),
        ({"chat": [GROUP_OF_TWO]}, GROUP, APPROVER, "approver"),
        ({"chat": [GROUP_OF_TWO]}, GROUP, MEMBER, "member"),
        ({"chat": [GROUP_OF_TWO]}, GROUP, OTHER, "stranger"),
        ({"chat": [GROUP_OF_TWO]}, GROUP, None, "stranger"),
        ({"chat": [GROUP_OF_TWO]}, -200, APPROVER, "member"),
        ({"chat": [GROUP_OF_TWO]}, str(GROUP), APPROVER, "member"),
        ({"members": [MEMBER]}, MEMBER, MEMBER, "approver"),
        ({"members": [MEMBER]}, OTHER, OTHER, "stranger"),
        ({"members": [MEMBER], "owners": [OWNER]}, OWNER, OWNER, "owner"),
        ({"chat": [{"id": MEMBER, "approvers": [APPROVER]}]}, MEMBER, MEMBER, "member"),
    ],
)
def test_a_person_has_one_role_in_a_chat(raw: dict[str, Any], chat: Any, user: Any, expected: Role) -> None:
    """Ids are compared with their type; whom the policy keeps out is a stranger in a private chat too."""
    assert expected == role(read(raw), chat, user, private=chat == user and chat is not None)


def test_the_kinds_of_commands_are_those_of_the_registry() -> None:
    """The policy does not know the commands, and still speaks of them in the same words."""
    assert COMMAND_KINDS == get_args(registry.Kind)


def test_a_role_may_ask_for_what_its_line_names() -> None:
    """By default everyone may ask for everything but strangers, who may ask for nothing."""
    policy = read(
        {"role": {"member": {"commands": ["reads"]}}, "chat": [{"id": 5, "role": {"member": {"commands": []}}}]}
    )
    asked = {
        (chat, each): [kind for kind in COMMAND_KINDS if may_ask(policy, chat, each, kind)]
        for chat in (GROUP, 5)
        for each in get_args(Role)
    }

    everything = list(COMMAND_KINDS)
    assert {
        (GROUP, "owner"): everything,
        (GROUP, "approver"): everything,
        (GROUP, "member"): ["reads"],
        (GROUP, "stranger"): [],
        (5, "owner"): everything,
        (5, "approver"): everything,
        (5, "member"): [],
        (5, "stranger"): [],
    } == asked


@pytest.mark.parametrize(
    ("raw", "chat", "user", "beyond", "expected"),
    [
        ({}, MEMBER, MEMBER, False, (MEMBER,)),
        ({}, MEMBER, MEMBER, True, ()),
        ({}, GROUP, MEMBER, False, ()),
        ({"owners": [OWNER]}, GROUP, MEMBER, True, (OWNER,)),
        ({"owners": [OWNER]}, MEMBER, MEMBER, False, (OWNER,)),
        ({"owners": [OWNER], "chat": [GROUP_OF_TWO]}, GROUP, MEMBER, False, (OWNER, APPROVER)),
        ({"owners": [OWNER], "chat": [GROUP_OF_TWO]}, GROUP, MEMBER, True, (OWNER,)),
        ({"owners": [OWNER], "chat": [GROUP_OF_TWO]}, GROUP, APPROVER, True, (OWNER,)),
        ({"chat": [GROUP_OF_TWO]}, GROUP, MEMBER, True, (APPROVER,)),
        ({"chat": [GROUP_OF_TWO]}, -200, MEMBER, False, ()),
        ({"chat": [GROUP_OF_TWO]}, MEMBER, MEMBER, False, (MEMBER,)),
        ({"chat": [{"id": MEMBER, "approvers": [MEMBER]}]}, MEMBER, MEMBER, True, (MEMBER,)),
        ({"members": [MEMBER]}, OTHER, OTHER, False, ()),
    ],
)
def test_the_owners_and_the_chat_s_approvers_approve_or_else_the_person_of_a_private_chat(
    raw: dict[str, Any], chat: Any, user: Any, beyond: bool, expected: tuple[int, ...]
) -> None:
    """What reaches beyond the chat is for owners; where the file names none, for whom it names, and for nobody else."""
    policy = read(raw)
    found = approvers(policy, chat, user, private=chat == user, beyond=beyond)

    assert expected == found
    assert list(expected) == [who for who in (OWNER, APPROVER, MEMBER, OTHER) if among(who, found)]
    assert [] == [who for who in ("1", "2", "3", True, None) if among(who, found)]
