"""What becomes of each effect: allowed, held for a person's approval, or denied; with the line that decided.

For one effect the handler's line comes first: its `deny` is final. Otherwise the line that names the address decides
(a host, a shortcode, a file operation …), and without one the handler's line does. What the role takes away, and what
a custom handler does not declare, comes on top: of several answers the strictest counts, for one effect and for all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import msgspec

from syncara.core.errors import Problem
from syncara.core.model import Step
from syncara.handlers.failures import FinalError
from syncara.handlers.rooted import names, root_of
from syncara.policy import taint
from syncara.policy.effects import Effect, effect, same_id
from syncara.policy.policy import Decision, Grant, Policy, Role, Rules

DEFAULTS: dict[str, Decision] = dict.fromkeys(
    ("send_message", "database_operation", "file_operation", "api_call", "execute_shortcode"), "approve"
)
"""Handlers whose line is not `allow` when the policy does not name them."""

Ruling = tuple[Decision, str]
"""A decision, and the line of the policy that made it."""
Declares = Callable[[str], bool]
"""Whether a handler is registered with `ai=True`; asked of custom handlers."""

_STRICTNESS: dict[Decision, int] = {"allow": 0, "approve": 1, "deny": 2}


class Judged(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    effect: Effect
    """With `own` as the policy sees it."""
    decision: Decision
    rule: str
    """The line that decided, in words."""


class Verdict(msgspec.Struct, frozen=True):
    decision: Decision
    """The strictest of all."""
    judged: tuple[Judged, ...]

    @property
    def rule(self) -> str:
        """Why, in the words of the first effect that has this decision."""
        return next((each.rule for each in self.judged if each.decision == self.decision), "nothing to judge")

    @property
    def beyond(self) -> bool:
        """Whether something that needs approval reaches beyond the chat (`roles.approvers`)."""
        return any(each.decision == "approve" and each.effect.own is False for each in self.judged)


def judge(
    policy: Policy, effects: Iterable[Effect], *, chat_id: Any, user_id: Any, role: Role, declares: Declares
) -> Verdict:
    """Judge the effects of a workflow that an assistant wrote, for the user who asked for it in a chat."""
    if role == "stranger":
        rule = f"user {user_id!r} is a stranger in chat {chat_id!r}"
        judged = tuple(Judged(each, "deny", rule) for each in effects)
        return Verdict("deny", judged)
    rules = policy.rules(chat_id)
    judged = tuple(_judge_one(rules, each, chat_id, role, declares) for each in effects)
    found = {each.decision for each in judged}
    return Verdict("deny" if "deny" in found else "approve" if "approve" in found else "allow", judged)


def check_call(
    policy: Policy,
    step: Step,
    params: Mapping[str, Any],
    *,
    chat_id: Any,
    user_id: Any,
    role: Role,
    declares: Declares,
    approved: bool,
    takes_data: Callable[[str], bool] = taint.never,
) -> Problem | None:
    """Judge once more at the moment of a call: what refuses it, or None.

    `step` is the definition's, `params` are rendered: what was filled in must have changed no address. `approved`: a
    person has approved the plan that the step is part of. The policy, and the role, are those of now.
    """
    found = taint.changed(step, params, takes_data)
    if found is not None:
        return found
    verdict = judge(policy, (effect(step, chat_id),), chat_id=chat_id, user_id=user_id, role=role, declares=declares)
    return _refusal(verdict.decision, verdict.rule, f"step '{step.name}'", approved=approved)


def check_site(policy: Policy, site: str, *, chat_id: Any, method: str, planned: Collection[str]) -> Problem | None:
    """Judge a site (`effects.site`) that a request is about to go to, those of redirects too.

    `planned`: the sites of the plan's own calls, which `judge` has seen, and a person where it had to be one.
    """
    rules = policy.rules(chat_id)
    decision, rule = _combined(_handler_line(rules, "api_call"), _web(rules, site, method))
    return _refusal(decision, rule, f"site '{site}'", approved=site in planned)


def _refusal(decision: Decision, rule: str, where: str, *, approved: bool) -> Problem | None:
    if decision == "deny":
        return Problem("denied", where, f"the policy denies it: {rule}", "leave it out, or change the policy file")
    if decision == "approve" and not approved:
        message = f"it needs a person's approval, which the plan does not have: {rule}"
        return Problem("not_approved", where, message, "ask for it again, and have the plan approved")
    return None


def _judge_one(rules: Rules, asked: Effect, chat_id: Any, role: Role, declares: Declares) -> Judged:
    if asked.kind == "message" and asked.operation == "send":
        asked = _owned(asked, asked.address is None or same_id(asked.address, chat_id))
    elif asked.kind == "collection":
        asked = _owned(asked, asked.address not in rules.collections.shared)
    elif asked.kind == "file":
        asked = _owned(asked, _root(rules, asked) is None)
    handler = _handler_line(rules, asked.handler)
    decision, rule = _combined(handler, _line(rules, asked))
    taken = rules.role[role].handlers.get(asked.handler, "allow")
    if _STRICTNESS[taken] > _STRICTNESS[decision]:
        decision, rule = taken, f'role.{role}.handlers.{asked.handler} = "{taken}"'
    if asked.kind == "custom" and decision == "allow" and not declares(asked.handler):
        decision, rule = "approve", f"the handler '{asked.handler}' is not registered with ai=True"
    return Judged(asked, decision, rule)


def _root(rules: Rules, asked: Effect) -> str | None:
    """The shared root that a file lies in; a path that leads nowhere lies in none, and is refused elsewhere."""
    try:
        return root_of(names(str(asked.address)), rules.roots)
    except FinalError:
        return None


def _owned(asked: Effect, own: bool) -> Effect:
    return asked if asked.own is own else msgspec.structs.replace(asked, own=own)


def _handler_line(rules: Rules, handler: str) -> Ruling:
    named = rules.handlers.get(handler)
    decision = named or DEFAULTS.get(handler, "allow")
    return decision, f'handlers.{handler} = "{decision}"' + ("" if named else " by default")


def _combined(handler: Ruling, line: Ruling | None) -> Ruling:
    return handler if line is None or handler[0] == "deny" else line


def _line(rules: Rules, asked: Effect) -> Ruling | None:
    """What the policy says of the address; None: nothing."""
    match asked:
        case Effect(kind="message", own=True):
            return "allow", "a chat's own messages need no approval"
        case Effect(kind="message", address=to) if any(same_id(to, each) for each in rules.send_to):
            return "allow", f"send_to names chat {to!r}"
        case Effect(kind="web", address=str(site)):
            return _web(rules, site, asked.operation)
        case Effect(kind="web"):
            return "deny", "the URL names no plain host"
        case Effect(kind="file", own=False):
            name = str(_root(rules, asked))
            return _granted(f"roots.{name}.files", rules.roots[name].files, asked.operation)
        case Effect(kind="file"):
            return _granted("files", rules.files, asked.operation)
        case Effect(kind="collection", own=False, address=str(name)):
            return _granted(f'collections.shared."{name}"', rules.collections.shared[name], asked.operation)
        case Effect(kind="collection"):
            return _granted("collections.own", rules.collections.own, asked.operation)
        case Effect(kind="shortcode", address=str(name)) if name in rules.shortcodes:
            return rules.shortcodes[name], f'shortcodes."{name}" = "{rules.shortcodes[name]}"'
    return None


def _web(rules: Rules, site: str, method: str) -> Ruling | None:
    """The line that names the host most exactly; its port does not matter."""
    host = site.rpartition(":")[0] if ":" in site and not site.endswith("]") else site
    name = next((name for name in lines_of(host) if name in rules.web), None)
    return None if name is None else _granted(f'web."{name}"', rules.web[name], method)


def lines_of(host: str) -> list[str]:
    """How a policy can name a host, the most exact first."""
    labels = host.split(".")
    return [host, *("*." + ".".join(labels[n:]) for n in range(1, len(labels))), "*"]


def _granted(name: str, grant: Grant, operation: str) -> Ruling | None:
    if isinstance(grant, str):
        return grant, f'{name} = "{grant}"'
    return ("allow", f"{name} names {operation}") if operation in grant else None
