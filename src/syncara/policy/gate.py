"""The policy at work: asked when a command is bound, when a plan is started, and again at every handler call."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from syncara.abc import ExecutionInput, StepInput
from syncara.core.errors import Problem
from syncara.core.model import Author, Step, Workflow
from syncara.handlers import web
from syncara.handlers.failures import FinalError
from syncara.handlers.http import Site
from syncara.handlers.rooted import Root, names
from syncara.policy import judge, quotas, roles, taint
from syncara.policy.addresses import DEFAULT_PORTS, PublicWeb, judge_url, parse
from syncara.policy.effects import effect, effects, same_id, site, steps_of, unescaped
from syncara.policy.judge import lines_of
from syncara.policy.plan import plan_hash
from syncara.policy.policy import CommandKind, Id, Policy, Role
from syncara.runtimes.driver import Call

INSTEAD_OF = {
    "secret_refused": ("unknown_secret",),
    "path_refused": ("outside_workspace", "invalid_path"),
    "address_refused": ("invalid_url",),
}
"""The policy's problems, and the handlers' own that they take the place of."""


class Judgement(NamedTuple):
    """What the policy says of a plan."""

    hash: str
    verdict: judge.Verdict
    approvers: tuple[Id, ...]
    """Who may approve it; nobody, where nobody is set."""
    approval_s: int
    """How many seconds it waits for that."""

    @property
    def needs_approval(self) -> bool:
        return self.verdict.decision == "approve"

    @property
    def denials(self) -> list[Problem]:
        """One problem for each effect that the policy denies."""
        return [
            Problem(
                "denied",
                f"step '{each.effect.step}'",
                f"it is not allowed here: {each.rule}",
                "leave the step out, or ask the bot's owner",
            )
            for each in self.verdict.judged
            if each.decision == "deny"
        ]


class Gate:
    def __init__(
        self,
        policy: Policy,
        declares: Callable[[str], bool],
        takes_data: Callable[[str], bool],
        secrets: Collection[str] = (),
        roots: Mapping[str, Root] = MappingProxyType({}),
    ) -> None:
        """`declares`: a handler is registered with `ai=True`. `takes_data`: a shortcode's params are data.

        `secrets`: the names of those that there are. `roots`: the shared ones, by the paths that the policy names.
        """
        self.policy = policy
        self._declares = declares
        self._takes_data = takes_data
        self._secrets = secrets
        self._roots = roots

    def role(self, chat_id: Any, user_id: Any) -> Role:
        return roles.role(self.policy, chat_id, user_id, private=is_private(chat_id, user_id))

    def asks(self, shortcode: str, kind: CommandKind, chat_id: Any, user_id: Any) -> Problem | None:
        """Whether a user may have a command carried out."""
        role = self.role(chat_id, user_id)
        if roles.may_ask(self.policy, chat_id, role, kind):
            return None
        message = f"a {role} may not ask for {shortcode} here"
        return Problem("not_allowed", "", message, "ask somebody who may, or the bot's owner")

    def offers(self, chat_id: Any, user_id: Any, handler: str, shortcode: str = "") -> bool:
        """Whether an assistant may hope to use a handler, or a shortcode through it; `user_id` None: for whomever."""
        role = None if user_id is None else self.role(chat_id, user_id)
        return judge.offers(self.policy.rules(chat_id), role, handler, shortcode)

    def reply(self, chat_id: Any, *, size: int, commands: int) -> list[Problem]:
        """Whether a reply is too much; `size` is in bytes."""
        return quotas.reply_problems(self.policy.quotas("ai", chat_id), size=size, commands=commands)

    def reply_steps(self, author: Author, chat_id: Any, steps: int) -> list[Problem]:
        """Whether a reply goes through too much; `steps` is the size of it (`quotas.size`)."""
        return quotas.reply_steps_problems(self.policy.quotas(author, chat_id), steps)

    def definition(self, workflow: Workflow, author: Author) -> list[Problem]:
        """What keeps a definition from being made: an author's quotas, and addresses that an assistant leaves open."""
        most = self.policy.quotas(author, workflow.chat_id)
        found = [] if most == quotas.UNLIMITED else quotas.workflow_problems(most, workflow)
        if author == "developer":
            return found
        # Misplaced secrets are found for everyone, by core.check.
        found += [each for each in taint.problems(workflow, self._takes_data) if each.code != "secret_misplaced"]
        return found + self._foreign_secrets(workflow) + _out_of_bounds(workflow)

    def _foreign_secrets(self, workflow: Workflow) -> list[Problem]:
        """Secrets that an assistant names and may not, or not where the call goes."""
        found: list[Problem | None] = []
        for step in steps_of(workflow):
            if step.handler == "api_call":
                there = parse(str(step.params.get("url")).partition("?")[0])
                where = f"step '{step.name}', field 'params', 'headers'"
                named = sorted(web.secret_names(step.params.get("headers")))
                found += [self._secret_refusal(name, there, workflow.chat_id, where) for name in named]
        return [problem for problem in found if problem is not None]

    def secret(self, name: str, there: Site, execution: ExecutionInput) -> Problem | None:
        """What forbids that a call sends a secret to a site."""
        if execution.author == "developer":
            return None
        return self._secret_refusal(name, there, execution.chat_id, f"host '{there.host}'")

    def _secret_refusal(self, name: str, there: Site | None, chat_id: Any, where: str) -> Problem | None:
        """An assistant's secrets go over https, to the default port or to one that the policy names with the host.

        One that is not there is refused as one that is not named is: which there are is not said. `there`: None for
        no plain URL, which is refused itself.
        """
        hosts = self.policy.rules(chat_id).secrets.get(name, ())
        message = f"an assistant may not use the secret '{name}' there"
        if not hosts or name not in self._secrets:
            fix = "leave it out; the policy file can name the secret, with the hosts that it may be sent to"
            return Problem("secret_refused", where, message, fix)
        if there is None:
            return None
        if there.scheme != "https":
            message += ", because it goes over https only"
            return Problem("secret_refused", where, message, "begin the URL with https://")
        port = "" if there.port == DEFAULT_PORTS["https"] else f":{there.port}"
        host = site(there.host, DEFAULT_PORTS["https"], "https")
        if {line + port for line in lines_of(host)}.isdisjoint(hosts):
            fix = "call a host that the policy file names for the secret, on a port that it names"
            return Problem("secret_refused", where, message, fix)
        return None

    def start(
        self,
        author: Author,
        chat_id: Any,
        context: Mapping[str, Any],
        ahead_s: float,
        runs: Callable[[int], quotas.Runs],
    ) -> list[Problem]:
        """What keeps a chat from starting one more run. `runs(most)`: how many there are, each counted up to `most`."""
        limits = self.policy.quotas(author, chat_id)
        if limits == quotas.UNLIMITED:
            return []
        there = runs(max(limits.open_executions or 0, limits.starts_per_hour or 0))
        return quotas.start_problems(
            limits,
            context_bytes=len(msgspec.json.encode(context)),
            open_executions=there.unended + 1,
            starts_in_hour=there.recent + 1,
            ahead_s=max(ahead_s, 0),
        )

    def plan(
        self, workflow: Workflow, context: Mapping[str, Any], start_at: float | None, chat_id: Any, user_id: Any
    ) -> Judgement:
        """Judge what an assistant asks to run."""
        planned = msgspec.structs.replace(workflow, chat_id=chat_id)
        verdict = judge.judge(
            self.policy,
            effects(planned, context),
            chat_id=chat_id,
            user_id=user_id,
            role=self.role(chat_id, user_id),
            declares=self._declares,
        )
        who = self.approvers(chat_id, user_id, beyond=verdict.beyond) if verdict.decision == "approve" else ()
        waits_s = self.policy.rules(chat_id).approval_s
        return Judgement(plan_hash(planned, context, start_at), verdict, who, waits_s)

    def approvers(self, chat_id: Any, user_id: Any, *, beyond: bool) -> tuple[Id, ...]:
        private = is_private(chat_id, user_id)
        return roles.approvers(self.policy, chat_id, user_id, private=private, beyond=beyond)

    def may_answer(self, chat_id: Any, asked_by: Any, user_id: Any, *, beyond: bool) -> bool:
        """Whether `user_id` may approve or refuse what `asked_by` asked for in a chat."""
        return roles.among(user_id, self.approvers(chat_id, asked_by, beyond=beyond))

    # At a handler call: the Guard of runtimes/hands.py.

    def refuses(self, call: Call) -> Problem | None:
        """Judge a call once more, with what was filled in, by the policy of now."""
        execution, step = call.execution, call.step
        return judge.check_call(
            self.policy,
            Step(step.id, call.name, call.handler, step.written),
            step.given,
            chat_id=execution.chat_id,
            user_id=execution.user_id,
            role=self.role(execution.chat_id, execution.user_id),
            declares=self._declares,
            covers=execution.covers,
            takes_data=self._takes_data,
        )

    def quotas(self, author: Author, chat_id: Any) -> quotas.Quotas:
        return self.policy.quotas(author, chat_id)

    def scope(self, collection: str, execution: ExecutionInput) -> str:
        """In whose documents an execution finds a collection: what an assistant wrote, in its chat's own."""
        if execution.author == "developer" or collection in self.policy.rules(execution.chat_id).collections.shared:
            return ""
        return "chat " + msgspec.json.encode(execution.chat_id).decode()

    def roots(self, chat_id: Any) -> dict[str, Root]:
        """The folders that a chat has in common with the program, by the names with which paths in them begin."""
        return {name: self._roots[root.path] for name, root in self.policy.rules(chat_id).roots.items()}

    def public_web(self, step: StepInput, execution: ExecutionInput) -> PublicWeb:
        """Where a call may go: to the public web, as far as the policy and the approved plan go. Redirects too."""
        written = Step(step.id, step.name, "api_call", dict(step.written))
        asked = effect(written, execution.chat_id)
        planned = {str(asked.address)} if judge.covered(execution.covers, asked) else set()
        in_clear = not str(step.written.get("url")).lower().startswith("https:")

        def allowed(host: str, port: int, scheme: str, method: str) -> Problem | None:
            there, chat_id = site(host, port, scheme), execution.chat_id
            role = self.role(chat_id, execution.user_id)
            held = planned if in_clear or scheme == "https" else ()
            return judge.check_site(self.policy, there, chat_id=chat_id, role=role, method=method, planned=held)

        return PublicWeb(allowed)


def told(found: Iterable[Problem], judged: list[Problem]) -> list[Problem]:
    """What an author is told of a definition in which handlers have `found` problems, and the policy has `judged`.

    What is refused to an assistant is not explained as to the developer: secrets' names, ways out of its folder.
    """
    said = {code for problem in judged for code in INSTEAD_OF.get(problem.code, ())}
    return [*(problem for problem in found if problem.code not in said), *judged]


def is_private(chat_id: Any, user_id: Any) -> bool:
    """Whether a chat is one person's with the bot: on Telegram both have the same id."""
    return chat_id is not None and same_id(chat_id, user_id)


def _out_of_bounds(workflow: Workflow) -> list[Problem]:
    """Addresses that no policy allows an assistant, as far as they can be told from how they are written."""
    found = []
    for step in steps_of(workflow):
        url, path = step.params.get("url"), step.params.get("file_path")
        if step.handler == "api_call" and isinstance(url, str):
            problem = judge_url(url.partition("?")[0])
        elif step.handler == "file_operation" and isinstance(path, str) and not taint.holds_placeholder(path):
            problem = _path_problem(path)
        else:
            continue
        if problem is not None:
            where = f"step '{step.name}', field 'params'"
            found.append(msgspec.structs.replace(problem, where=where))
    return found


def _path_problem(path: str) -> Problem | None:
    try:
        names(unescaped(path))
    except FinalError as error:
        return error.problem
    return None
