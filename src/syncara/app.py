"""The public MultiStepProcessor: it only delegates."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, overload

from syncara import arguments
from syncara.abc import Chat, HandlerFunction, ShortcodeFunction
from syncara.core import events as e
from syncara.core.errors import DatabaseBusy, Problem, ValidationError
from syncara.core.model import Workflow
from syncara.core.views import Execution, LogLine
from syncara.opening import Opening
from syncara.policy.approval import Answer, Approval
from syncara.shortcodes.outcome import Reply
from syncara.templates.generated import batch, quick

if TYPE_CHECKING:
    from syncara.answers import Form, Language
    from syncara.policy.auditor import Audit
    from syncara.policy.preview import Preview

F = TypeVar("F", bound=HandlerFunction)


class MultiStepProcessor(Opening):
    """Durable workflows on one SQLite file. Making one does no I/O; the first call opens the database.

    Awaited methods that need the runner start it. Methods that are not awaited work from any thread, inside or outside
    an event loop; those that write return after the commit (one fsync). `async with` starts and stops it.
    """

    # Definitions.

    def create_workflow(
        self,
        name: str,
        description: str = "",
        global_timeout: float = 1800,
        max_parallel_steps: int = 5,
        auto_retry: bool = True,
        metadata: dict[str, Any] | None = None,
        *,
        recovery_timeout: float = 300,
    ) -> str:
        """Make a definition without steps; returns its id.

        global_timeout: seconds from a run's start, not counting time paused or spent only waiting for a person or an
        event. max_parallel_steps: attempts and delays under way at once in one run. auto_retry: False means that no
        step is tried again. recovery_timeout: seconds for recovery steps once a run fails. Raises ValidationError.
        """
        return self._processor.create_workflow(
            {
                "name": name,
                "description": description,
                "global_timeout": global_timeout,
                "max_parallel_steps": max_parallel_steps,
                "auto_retry": auto_retry,
                "metadata": {} if metadata is None else metadata,
                "recovery_timeout": recovery_timeout,
            }
        )

    def add_step(
        self,
        workflow_id: str,
        name: str,
        handler: str,
        params: dict[str, Any] | None = None,
        dependencies: Iterable[str] | None = None,
        timeout: float = 300,
        retry_count: int = 3,
        retry_delay: float = 5,
        condition: str | None = None,
        *,
        retry_backoff: float = 2.0,
        max_retry_delay: float = 300,
        run_when: str = "none_failed",
        on_error: str = "fail",
        save_as: str | None = None,
        on_crash: str = "retry",
    ) -> str:
        """Append a step; returns its id. Runs under way keep the steps that they started with.

        Each field is described at core/model.py `Step`. Dependencies are ids or names, of later steps too. Raises
        NotFoundError, and ValidationError for what can never become right; `validate` says the rest.
        """
        fields = {
            "name": name,
            "handler": handler,
            "params": {} if params is None else params,
            "dependencies": arguments.names(dependencies),
            "timeout": timeout,
            "retry_count": retry_count,
            "retry_delay": retry_delay,
            "condition": condition,
            "retry_backoff": retry_backoff,
            "max_retry_delay": max_retry_delay,
            "run_when": run_when,
            "on_error": on_error,
            "save_as": save_as,
            "on_crash": on_crash,
        }
        return self._processor.add_steps(workflow_id, [fields])[0]

    def add_steps(self, workflow_id: str, steps: Iterable[Mapping[str, Any]]) -> list[str]:
        """Append several steps in one transaction; each a dict of the fields of `add_step`. Returns their ids."""
        return self._processor.add_steps(workflow_id, steps)

    def define(self, definition: Workflow | Mapping[str, Any]) -> str:
        """Make a whole definition in one transaction: the fields of `create_workflow`, and `steps`. Returns its id."""
        return self._processor.define(definition)

    def create_from_template(self, template: str, params: Mapping[str, Any] | None = None) -> str:
        """Make a definition from a template such as `message_sequence`; returns its id.

        Raises NotFoundError for an unknown template, ValidationError for its params.
        """
        return self.define(self._templates.build(template, params or {}))

    def create_quick(self, name: str, steps: Iterable[Mapping[str, Any]], *, sequential: bool = False) -> str:
        """Make a definition from a list of steps; with `sequential`, each waits for the one before. Returns its id."""
        return self.define(quick(name, arguments.objects("steps", steps), sequential=sequential))

    def create_batch(self, handler: str, items: Iterable[Any], batch_size: int = 5, *, name: str = "") -> str:
        """Make a definition with one step for each item, at most `batch_size` at the same time; returns its id.

        A failing item leaves the others alone. An item that is a dict is the step's params. Any other is the value of
        the only param that the handler needs, or takes at all: `"a"` is `{"message": "a"}` for `log`. Where there is no
        such one, as with a handler that declares no params, the step is given `{"item": "a"}`.
        """
        return self.define(batch(handler, list(items), batch_size, name, schema=self.handler_schema))

    def validate(self, workflow_id: str) -> list[Problem]:
        """Everything that keeps the definition from running; empty when it can."""
        return self._processor.validate(workflow_id)

    def get_workflow(self, workflow_id: str) -> Workflow:
        """The definition, with dependencies as step ids. Raises NotFoundError."""
        return self._processor.get_workflow(workflow_id)

    def list_workflows(self, limit: int = 100, offset: int = 0) -> list[Workflow]:
        """Definitions without their steps, newest first."""
        return self._processor.list_workflows(limit, offset)

    def delete_workflow(self, workflow_id: str) -> bool:
        """Hide a definition; runs under way keep it. False when there is none."""
        return self._processor.delete_workflow(workflow_id)

    # Runs.

    async def execute_workflow(
        self,
        workflow_id: str,
        context: dict[str, Any] | None = None,
        user_id: int | str | None = None,
        chat_id: int | str | None = None,
        message_id: int | str | None = None,
        *,
        idempotency_key: str | None = None,
        start_at: float | None = None,
    ) -> str:
        """Start a run and return its id once that is durable; does not wait for the run.

        context: JSON, copied. idempotency_key: a repeat returns the first run's id and starts nothing. start_at: Unix
        time of a start that lies ahead. Raises NotFoundError; ValidationError with all that `validate` reports.
        """
        processor = await self._started()
        chat = (user_id, chat_id, message_id)
        return await processor.execute(workflow_id, context, chat, idempotency_key, start_at)

    async def wait(self, execution_id: str, timeout: float | None = None) -> Execution:  # noqa: ASYNC109 - public name
        """The run at its final status. TimeoutError after `timeout` seconds leaves it going."""
        return await (await self._started()).wait(execution_id, timeout)

    def watch(self, execution_id: str, from_seq: int = 0) -> AsyncIterator[e.AnyEvent]:
        """The run's events from number `from_seq` on, as they are committed; ends with the run or with `stop`."""
        return self._processor.watch(execution_id, from_seq)

    def get_history(self, execution_id: str) -> list[e.AnyEvent]:
        """The committed journal."""
        return self._processor.history(execution_id)

    def get_log(self, execution_id: str) -> list[LogLine]:
        """The journal as lines for people, with what log and notification steps said."""
        return self._processor.log(execution_id)

    def get_execution(self, execution_id: str) -> Execution:
        """The run as committed. Raises NotFoundError; DamagedError when its journal cannot be trusted."""
        return self._processor.get_execution(execution_id)

    def list_executions(
        self,
        status: str | None = None,
        workflow_id: str | None = None,
        chat_id: int | str | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> list[Execution]:
        """Runs that match, newest first."""
        return self._processor.list_executions(
            status=status, workflow_id=workflow_id, chat_id=chat_id, limit=limit, offset=offset
        )

    def cleanup(self, older_than: float) -> int:
        """Delete runs that finished more than `older_than` seconds ago, with their journals; returns how many."""
        return self._processor.cleanup(older_than)

    def get_execution_progress(self, execution_id: str) -> dict[str, Any]:
        """execution_id, workflow_name, status, progress (0 to 100), current_step, current_steps, and steps as dicts."""
        return self._processor.get_progress(execution_id)

    async def pause_execution(self, execution_id: str) -> bool:
        """Start nothing more until resumed; attempts under way finish. True when this call changed it."""
        return await (await self._started()).tell(execution_id, e.Paused)

    async def resume_execution(self, execution_id: str) -> bool:
        """Go on after a pause. True when this call changed it."""
        return await (await self._started()).tell(execution_id, e.Resumed)

    async def cancel_execution(self, execution_id: str, reason: str = "") -> bool:
        """End the run now; running handlers are cancelled. True when this call changed it."""
        arguments.text("reason", reason)
        return await (await self._started()).tell(execution_id, lambda at: e.Cancelled(at, reason))

    async def resolve_step(self, execution_id: str, step: str, answer: str) -> bool:
        """Answer a step that waits because of `on_crash="ask"`: `retry` or `fail`. True when this call changed it."""
        return await (await self._started()).resolve_step(execution_id, step, answer)

    # Replies of an assistant.

    async def process_reply(
        self,
        text: str,
        *,
        chat_id: int | str | None = None,
        user_id: int | str | None = None,
        message_id: int | str | None = None,
        language: Language | None = None,
        form: Form = "plain",
    ) -> Reply:
        """Carry out the codes in an assistant's reply: all of them, in order, or, when one is wrong, none.

        Waits for the commit, not for the runs. message_id: the assistant's own message; it acts once, and the same
        text again returns the same Reply. language: of the answers, `en` or `id`; default: the reply's own, or where it
        says too little to tell, that of the chat's replies before, which is remembered. form: `plain`, `markdown` or
        `html` (Telegram's). What is wrong with the text is told by the Reply; raises StorageError when the database
        takes no writes, and then nothing happened.
        """
        user_id, chat_id, message_id = arguments.chat_ids(user_id, chat_id, message_id)
        await self._started()
        return await self._engine.replies.process(text, Chat(chat_id, user_id, message_id), language, form)

    def check_reply(
        self,
        text: str,
        *,
        chat_id: int | str | None = None,
        user_id: int | str | None = None,
        message_id: int | str | None = None,
        language: Language | None = None,
        form: Form = "plain",
    ) -> Reply:
        """What `process_reply` would find wrong with a reply; nothing of it is carried out.

        Where nothing is wrong, the outcomes are the codes as they are written, and there is an execution id for each
        run that would be started; it will get another one.
        """
        user_id, chat_id, message_id = arguments.chat_ids(user_id, chat_id, message_id)
        return self._engine.replies.check(text, Chat(chat_id, user_id, message_id), language, form)

    async def give_command(
        self,
        shortcode: str,
        fields: Mapping[str, Any],
        *,
        chat_id: int | str | None = None,
        user_id: int | str | None = None,
        language: Language | None = None,
        form: Form = "plain",
    ) -> Reply:
        """Carry out one command, such as `MULTISTEP:EXECUTE`, in the developer's name.

        fields: by their names, as JSON values. language: default: what the chat's replies were written in before, else
        English. A command that only reads needs no runner; with `hands_off`, what is
        started is left to the next one. Raises NotFoundError, InvalidStateError, ValidationError with all problems.
        """
        from syncara.commands import COMMANDS  # noqa: PLC0415 - with them comes all that replies need

        command = COMMANDS.get(arguments.text("shortcode", shortcode))
        if command is None or command.kind != "reads":
            await self._started()
        user_id, chat_id, _ = arguments.chat_ids(user_id, chat_id, None)
        chat, park = Chat(chat_id, user_id), bool(self._given["hands_off"])
        return await self._engine.replies.command(shortcode, fields, chat, language, form, park=park)

    def prompt(self, *, long: bool = False, chat_id: int | str | None = None, user_id: int | str | None = None) -> str:
        """What a language model must know to write codes, for its system prompt; `long` adds worked examples.

        Without the handlers and commands that the policy denies in the chat, and to the user where one is given.
        """
        user_id, chat_id, _ = arguments.chat_ids(user_id, chat_id, None)
        return self._engine.replies.prompt(Chat(chat_id, user_id), long=long)

    # What an assistant may do.

    @property
    def audit(self) -> Audit:
        """What was asked, judged, answered and done in an assistant's name: `newest(limit)`, `verify(noted)`."""
        return self._engine.audit

    def preview(
        self,
        workflow_id: str,
        context: dict[str, Any] | None = None,
        *,
        chat_id: int | str | None = None,
        user_id: int | str | None = None,
        language: Language | None = None,
        form: Form = "plain",
    ) -> Preview:
        """What a run would do and need, were it asked for by an assistant for that user in that chat.

        chat_id: default: the definition's own. language: of its text, as in `give_command`. Raises NotFoundError;
        ValidationError with all that `validate` reports.
        """
        user_id, chat_id, _ = arguments.chat_ids(user_id, chat_id, None)
        return self._engine.preview(workflow_id, arguments.context(context), chat_id, user_id, language, form)

    def list_approvals(self, chat_id: int | str | None = None, status: str | None = "pending") -> list[Approval]:
        """Approvals of one chat, or of all; the newest first. status: pending, approved, refused, expired, cancelled.

        None: of every status.
        """
        return self._engine.approvals.listed(chat_id, status)

    def get_approval(self, approval_id: str) -> Approval:
        """The approval as it stands. Raises ApprovalError: not_found."""
        return self._engine.approvals.get(approval_id)

    async def approve(self, approval_id: str, *, user_id: int | str, plan_hash: str | None = None) -> Approval:
        """Let a plan run that waits for a person. plan_hash: the plan that was looked at; another one is not approved.

        Raises ApprovalError: not_found, expired, used, not_allowed, plan_changed.
        """
        await self._started()
        return await self._engine.approvals.answer(approval_id, user_id, Answer(True, plan_hash))

    async def refuse(self, approval_id: str, *, user_id: int | str, reason: str | None = None) -> Approval:
        """End a run that waits for a person. Raises ApprovalError: not_found, expired, used, not_allowed."""
        await self._started()
        return await self._engine.approvals.answer(approval_id, user_id, Answer(False, reason=reason))

    async def answer_approval(
        self, approval_id: str, *, approve: bool, plan_hash: str | None = None, reason: str | None = None
    ) -> Approval:
        """Answer in the operator's name: whoever has the database itself at hand may, whatever their role in the chat.

        Beside the process that runs the database the answer is left for that one, which takes it within a second, or
        for the next one; until then the approval waits. Raises ApprovalError: not_found, expired, used, plan_changed.
        """
        from syncara.policy.approvals import OPERATOR  # noqa: PLC0415 - with it comes the engine

        approvals, answer = self._engine.approvals, Answer(approve, plan_hash, reason)
        try:
            await self._started()
        except DatabaseBusy:
            return approvals.leave(approval_id, answer)
        return await approvals.answer(approval_id, OPERATOR, answer, operator=True)

    # What steps can use.

    @overload
    def register_handler(self, name: str, fn: F, *, params: type | None = None, ai: bool = False) -> F: ...

    @overload
    def register_handler(
        self, name: str, fn: None = None, *, params: type | None = None, ai: bool = False
    ) -> Callable[[F], F]: ...

    def register_handler(
        self, name: str, fn: F | None = None, *, params: type | None = None, ai: bool = False
    ) -> F | Callable[[F], F]:
        """Let steps use `fn(step, execution)`, a coroutine function or a plain one (run in a thread); also a decorator.

        params: a msgspec Struct class that params are converted to. ai: whether workflows written by an assistant may
        use it without a person's approval. Steps that were blocked for lack of it go on.
        """
        if fn is None:
            return lambda f: self.register_handler(name, f, params=params, ai=ai)
        self._handlers.register(name, fn, params=params, ai=ai)
        loop = self._opened.runtime.loop if self._opened is not None else None
        if self._opened is not None and loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._opened.runtime.handler_registered, name)
        return fn

    def handler_schema(self, name: str) -> dict[str, Any]:
        """The JSON Schema of a handler's params; `{"type": "object"}` for one registered without a params class.

        Raises NotFoundError, with the nearest name.
        """
        _ = self._engine  # which puts the built-in handlers in
        return self._handlers.schema(name)

    def register_template(
        self, name: str, build: Callable[[Any], dict[str, Any]], *, params: type | None = None
    ) -> None:
        """Let `create_from_template` use `build(params)`, which returns what `define` takes.

        params: a msgspec Struct class that they are converted to; without it `build` gets a dict.
        """
        self._templates.register(name, build, params)

    def register_shortcode(self, name: str, fn: ShortcodeFunction, *, data: bool = False) -> None:
        """Let `execute_shortcode` steps run `await fn(params, execution)` under a name such as `GROUP:PIN_MESSAGE`.

        data: params only say what is said, never where it goes; so an assistant may fill them from the context.
        """
        if not isinstance(name, str) or not name.strip() or not callable(fn):
            message = "a shortcode needs a name and a function of (params, execution)"
            raise ValidationError([Problem("wrong_type", "register_shortcode", message, "pass both")])
        self._shortcodes[name.strip().upper()] = fn
        (self._data_shortcodes.add if data else self._data_shortcodes.discard)(name.strip().upper())


multi_step_processor = MultiStepProcessor()
"""The one that most programs need. Importing it does no I/O."""
configure = multi_step_processor.configure
