"""Who somebody is in a chat, what that lets them ask for, and who may approve what needs approval."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from syncara.policy.effects import same_id
from syncara.policy.policy import CommandKind, Id, Policy, Role


def role(policy: Policy, chat_id: Any, user_id: Any, *, private: bool) -> Role:
    """`private`: the chat is one person's with the bot, and that person is the user (on Telegram both ids are one)."""
    rules = policy.rules(chat_id)
    if among(user_id, policy.owners):
        return "owner"
    if among(user_id, rules.approvers):
        return "approver"
    if rules.members is not None and not among(user_id, rules.members):
        return "stranger"
    if private and user_id is not None and not (policy.owners or rules.approvers):
        return "approver"
    return "member"


def may_ask(policy: Policy, chat_id: Any, role: Role, kind: CommandKind) -> bool:
    """Whether a role may ask for a command of that kind; strangers for none."""
    return kind in policy.rules(chat_id).role[role].commands


def approvers(policy: Policy, chat_id: Any, user_id: Any, *, private: bool, beyond: bool) -> tuple[Id, ...]:
    """Who may approve a plan that `user_id` asked for in a chat.

    The owners and the chat's approvers; but what reaches beyond the chat (`Verdict.beyond`), the owners alone, where
    some are set. Where neither are, the person of a private chat, for what stays in it.
    """
    here = policy.rules(chat_id).approvers
    if policy.owners or here:
        return tuple(dict.fromkeys(policy.owners if beyond and policy.owners else (*policy.owners, *here)))
    alone = private and role(policy, chat_id, user_id, private=True) == "approver"
    return (user_id,) if alone and not beyond else ()


def among(who: Any, ids: Iterable[Id]) -> bool:
    return any(same_id(who, each) for each in ids)
