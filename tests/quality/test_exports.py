"""The public surface: what can be imported, called and read. A change here is a change for every user."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

import syncara
import syncara.modules.multi_step_processor
from syncara import MultiStepProcessor

API = Path(__file__).parents[3] / "shared" / "API.md"
"""Where this repository is developed, the page of agreed names lies beside it."""

NAMES = [
    "Approval",
    "ApprovalError",
    "Asker",
    "ConditionError",
    "DamagedError",
    "DatabaseBusy",
    "Documents",
    "Execution",
    "ExecutionStatus",
    "InvalidStateError",
    "LogLine",
    "Messenger",
    "MultiStepProcessor",
    "NonRetryableError",
    "NotFoundError",
    "Notifier",
    "Outcome",
    "Policy",
    "Problem",
    "Reply",
    "Step",
    "StepResult",
    "StepState",
    "StepStatus",
    "StorageError",
    "Store",
    "SyncaraError",
    "ValidationError",
    "Workflow",
    "configure",
    "multi_step_processor",
]

METHODS = {
    "add_step": "(workflow_id, name, handler, params=None, dependencies=None, timeout=300, retry_count=3, "
    "retry_delay=5, condition=None, *, retry_backoff=2.0, max_retry_delay=300, "
    "run_when='none_failed', on_error='fail', save_as=None, on_crash='retry')",
    "add_steps": "(workflow_id, steps)",
    "answer_approval": "await (approval_id, *, approve, plan_hash=None, reason=None)",
    "approve": "await (approval_id, *, user_id, plan_hash=None)",
    "cancel_execution": "await (execution_id, reason='')",
    "check_reply": "(text, *, chat_id=None, user_id=None, message_id=None, language=None, form='plain')",
    "cleanup": "(older_than)",
    "close": "()",
    "configure": "(*, database=None, messenger=None, documents=None, notifier=None, durability=None, "
    "retention=None, workspace=None, announce=None, policy=None, secrets=None, read_only=None, "
    "hands_off=None)",
    "create_batch": "(handler, items, batch_size=5, *, name='')",
    "create_from_template": "(template, params=None)",
    "create_quick": "(name, steps, *, sequential=False)",
    "create_workflow": "(name, description='', global_timeout=1800, max_parallel_steps=5, auto_retry=True, "
    "metadata=None, *, recovery_timeout=300)",
    "define": "(definition)",
    "delete_workflow": "(workflow_id)",
    "execute_workflow": "await (workflow_id, context=None, user_id=None, chat_id=None, message_id=None, *, "
    "idempotency_key=None, start_at=None)",
    "get_approval": "(approval_id)",
    "get_execution": "(execution_id)",
    "get_execution_progress": "(execution_id)",
    "get_history": "(execution_id)",
    "get_log": "(execution_id)",
    "get_workflow": "(workflow_id)",
    "give_command": "await (shortcode, fields, *, chat_id=None, user_id=None, language=None, form='plain')",
    "handler_schema": "(name)",
    "list_approvals": "(chat_id=None, status='pending')",
    "list_executions": "(status=None, workflow_id=None, chat_id=None, limit=100, offset=0)",
    "list_workflows": "(limit=100, offset=0)",
    "pause_execution": "await (execution_id)",
    "preview": "(workflow_id, context=None, *, chat_id=None, user_id=None, language=None, form='plain')",
    "process_reply": "await (text, *, chat_id=None, user_id=None, message_id=None, language=None, form='plain')",
    "prompt": "(*, long=False, chat_id=None, user_id=None)",
    "refuse": "await (approval_id, *, user_id, reason=None)",
    "register_handler": "(name, fn=None, *, params=None, ai=False)",
    "register_shortcode": "(name, fn, *, data=False)",
    "register_template": "(name, build, *, params=None)",
    "resolve_step": "await (execution_id, step, answer)",
    "resume_execution": "await (execution_id)",
    "start": "await ()",
    "stop": "await ()",
    "validate": "(workflow_id)",
    "wait": "await (execution_id, timeout=None)",
    "watch": "(execution_id, from_seq=0)",
}

FIELDS = {
    "Execution": "id workflow_id workflow_name status context steps error errors progress user_id chat_id message_id "
    "created_at started_at finished_at code start_at",
    "LogLine": "at level step message",
    "Problem": "code where message fix example",
    "Step": "id name handler params dependencies timeout retry_count retry_delay condition retry_backoff "
    "max_retry_delay run_when on_error save_as on_crash",
    "StepResult": "success data error retryable metadata retry_after",
    "StepState": "id name status attempts result error reason started_at finished_at wake_at code",
    "Workflow": "id name description global_timeout max_parallel_steps auto_retry metadata recovery_timeout "
    "created_at chat_id author steps",
}


def signature(method: object) -> str:
    """Parameters with their defaults, without types; `await` in front of what is awaited."""
    assert callable(method)
    whole = inspect.signature(method)
    parameters = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in whole.parameters.values()
        if parameter.name != "self"
    ]
    plain = whole.replace(parameters=parameters, return_annotation=inspect.Signature.empty)
    return f"{'await ' if inspect.iscoroutinefunction(method) else ''}{plain}"


@pytest.mark.parametrize("module", [syncara, syncara.modules.multi_step_processor], ids=lambda module: module.__name__)
def test_both_import_paths_offer_the_same_names(module: ModuleType) -> None:
    """`syncara` and `syncara.modules.multi_step_processor` export exactly this list, and the same objects."""
    public = {
        name for name, value in vars(module).items() if not name.startswith("_") and not isinstance(value, ModuleType)
    }

    assert module.__all__ == NAMES
    assert set(NAMES) == public - {"annotations"}
    assert all(getattr(module, name) is getattr(syncara, name) for name in NAMES)


def test_the_processors_methods_are_these() -> None:
    """Every public method of MultiStepProcessor with its parameters, their order and their defaults."""
    methods = {
        name: signature(value)
        for name, value in inspect.getmembers(MultiStepProcessor)
        if not name.startswith("_") and inspect.isfunction(value)
    }

    assert methods == METHODS


def test_a_processor_is_made_from_these() -> None:
    """The constructor's arguments; all of them are optional."""
    assert signature(MultiStepProcessor) == (
        "(database=None, *, messenger=None, documents=None, notifier=None, durability=None, "
        "retention=None, workspace=None, announce=None, policy=None, secrets=None, read_only=False, "
        "hands_off=False, store=None, clock=None)"
    )


def test_the_singletons_methods_are_the_processors() -> None:
    """`configure` is the method of `multi_step_processor`, which is a MultiStepProcessor."""
    assert isinstance(syncara.multi_step_processor, MultiStepProcessor)
    assert syncara.configure == syncara.multi_step_processor.configure


@pytest.mark.parametrize("name", FIELDS)
def test_what_is_returned_has_these_fields(name: str) -> None:
    """The fields of each public struct, in order; none of them can be assigned to."""
    kind: type[msgspec.Struct] = getattr(syncara, name)

    assert FIELDS[name].split() == list(kind.__struct_fields__)
    assert kind.__struct_config__.frozen


# The agreed names.


def agreed_calls(section: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The calls that the page spells out so that Python can read them: name, and parameters with their defaults."""
    for found in re.finditer(r"(?<![.\w])([a-z_]+)(\([^()]*\))", section):
        try:
            parsed = ast.parse(f"def f{found[2]}: ...").body[0]
        except SyntaxError:  # the page shows what it takes in another way
            continue
        assert isinstance(parsed, ast.FunctionDef)
        given = parsed.args
        required = len(given.args) - len(given.defaults)
        defaults = [*[None] * required, *given.defaults, *given.kw_defaults]
        yield (
            found[1],
            {
                argument.arg: inspect.Parameter.empty if default is None else ast.literal_eval(default)
                for argument, default in zip([*given.args, *given.kwonlyargs], defaults, strict=True)
            },
        )


@pytest.mark.skipif(not API.exists(), reason="the page of agreed names is not beside this repository")
def test_the_agreed_calls_work() -> None:
    """What the page writes as a call exists, and takes the parameters it shows, in this order, with these defaults."""
    section = API.read_text("utf-8").split("## Engine", 1)[1].split("\n## ", 1)[0]
    agreed = {name: call for name, call in agreed_calls(section) if name in METHODS}
    found = {}
    for name, call in agreed.items():
        have = inspect.signature(getattr(MultiStepProcessor, name)).parameters
        id_of = {"id": next((parameter for parameter in have if parameter.endswith("_id")), "id")}
        shown = {argument: have[id_of.get(argument, argument)] for argument in call}
        assert sorted(shown, key=lambda argument: list(have).index(shown[argument].name)) == list(call), name
        found[name] = {argument: parameter.default for argument, parameter in shown.items()}
    called = set(re.findall(r"(?<![.\w])([A-Za-z_]+)\(", section))

    assert agreed == found
    assert len(agreed) > 15
    assert set() == called - {*METHODS, *NAMES, "compile_condition", "Condition", "fn", "send", "edit", "pin"}
