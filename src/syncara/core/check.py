"""Whether a definition can run: everything that is wrong with it, all at once.

`new_step` and `new_workflow` refuse at once what can never become right. `problems` judges a whole definition.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

import msgspec

from syncara.core import limits
from syncara.core.errors import ConditionError, Names, Problem, ValidationError, nearest
from syncara.core.expressions import compile_condition
from syncara.core.graph import ERROR_KEYS, tasks_of, topological
from syncara.core.machine import is_seconds
from syncara.core.model import CONDITION_CHECK, CORE_HANDLERS, DELAY, GROUP, OnCrash, OnError, RunWhen, Step, Workflow
from syncara.core.placeholders import compile_params

CYCLES_SHOWN_MAX = 20
DELAY_ROOM_S = 60
"""What a global timeout needs beyond its delays."""

HandlerCheck = Callable[[dict[str, Any]], list[Problem]] | None

Rule = tuple[Callable[[Any], bool], str]


def _whole(low: int, high: int) -> Rule:
    return (
        lambda v: isinstance(v, int) and not isinstance(v, bool) and low <= v <= high,
        f"a whole number from {low} to {high}",
    )


def _seconds(low: float, high: float = limits.SECONDS_MAX) -> Rule:
    return (
        lambda v: isinstance(v, int | float) and not isinstance(v, bool) and low <= v <= high,
        f"a number of seconds from {low:.15g} to {high:.15g}",
    )


def _one_of(choices: Any) -> Rule:
    names = get_args(choices)
    return lambda v: isinstance(v, str) and v in names, "one of " + ", ".join(map(repr, names))


def _text(most: int, least: int = 0) -> Rule:
    return (
        lambda v: isinstance(v, str) and least <= len(v.strip()) and len(v) <= most and encodable(v),
        f"text of {least} to {most} characters",
    )


def _optional(rule: Rule) -> Rule:
    return lambda v: v is None or rule[0](v), rule[1] + ", or None"


def encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


_JSON_OBJECT: Rule = (lambda v: isinstance(v, dict), "a JSON object (a dict with text keys)")
_NAMES: Rule = (
    lambda v: (
        isinstance(v, list | tuple)
        and len(v) <= limits.DEPENDENCIES_MAX
        and all(isinstance(name, str) and name.strip() and encodable(name) for name in v)
    ),
    "a list of step ids or names",
)
_FLAG: Rule = (lambda v: isinstance(v, bool), "True or False")

STEP_RULES: dict[str, Rule] = {
    "name": _text(limits.NAME_CHARS_MAX, 1),
    "handler": _text(limits.NAME_CHARS_MAX, 1),
    "params": _JSON_OBJECT,
    "dependencies": _NAMES,
    "timeout": _seconds(0.001),
    "retry_count": _whole(0, limits.RETRY_COUNT_MAX),
    "retry_delay": _seconds(0),
    "condition": _optional(_text(100_000)),
    "retry_backoff": (
        lambda v: isinstance(v, int | float) and not isinstance(v, bool) and 1 <= v <= limits.BACKOFF_MAX,
        f"a number from 1 to {limits.BACKOFF_MAX}",
    ),
    "max_retry_delay": _seconds(0),
    "run_when": _one_of(RunWhen),
    "on_error": _one_of(OnError),
    "save_as": _optional(_text(limits.NAME_CHARS_MAX, 1)),
    "on_crash": _one_of(OnCrash),
}
WORKFLOW_RULES: dict[str, Rule] = {
    "name": _text(limits.NAME_CHARS_MAX, 1),
    "description": _text(limits.DESCRIPTION_CHARS_MAX),
    "global_timeout": _seconds(0.001),
    "max_parallel_steps": _whole(1, limits.PARALLEL_STEPS_MAX),
    "auto_retry": _FLAG,
    "metadata": _JSON_OBJECT,
    "recovery_timeout": _seconds(0.001),
}


def new_workflow(workflow_id: str, created_at: float, fields: Mapping[str, Any]) -> Workflow:
    """A definition without steps. Raises ValidationError with every field that cannot be taken."""
    where = f"workflow {shown(fields.get('name'))}"
    found = _field_problems(fields, WORKFLOW_RULES, where, required=("name",), also=("steps",))
    if fields.get("metadata"):
        found += json_problems(fields["metadata"], f"{where}, field 'metadata'", limits.METADATA_BYTES_MAX)
    if found:
        raise ValidationError(found)
    return Workflow(id=workflow_id, created_at=created_at, **{**fields, "metadata": _plain(fields.get("metadata"))})


def new_step(step_id: str, fields: Mapping[str, Any]) -> Step:
    """A step, from the fields that were given. Raises ValidationError with everything that can never become right."""
    where = f"step {shown(fields.get('name'))}"
    found = _field_problems(fields, STEP_RULES, where, required=("name", "handler"))
    found += _meaning_problems(step_id, fields, where)
    if found:
        raise ValidationError(found)
    given = {name: value for name, value in fields.items() if name not in ("params", "dependencies")}
    return Step(
        id=step_id,
        **given,
        params=_plain(fields.get("params")),
        dependencies=tuple(fields.get("dependencies") or ()),
    )


def _field_problems(
    fields: Mapping[str, Any],
    rules: Mapping[str, Rule],
    where: str,
    required: Sequence[str],
    also: Sequence[str] = (),
) -> list[Problem]:
    """`also` are fields that exist and are checked elsewhere."""
    found = [
        Problem("missing_field", where, f"'{name}' is missing", f"give {rules[name][1]}")
        for name in required
        if name not in fields
    ]
    for name, value in fields.items():
        rule = rules.get(name)
        if rule is None:
            known = [*rules, *also]
            fix = nearest(str(name), known) or "the fields are " + ", ".join(known)
            message = f"there is no field {shown(name)}"
            found.append(Problem("unknown_field", f"{where}, field {shown(name)}", message, fix))
        elif not rule[0](value):
            code = "empty_name" if name == "name" and isinstance(value, str) and not value.strip() else "wrong_type"
            message = f"'{name}' must be {rule[1]}, and is {shown(value)}"
            found.append(Problem(code, f"{where}, field '{name}'", message, f"give {rule[1]}"))
    return found


def _meaning_problems(step_id: str, fields: Mapping[str, Any], where: str) -> list[Problem]:
    found: list[Problem] = []
    condition, save_as = fields.get("condition"), fields.get("save_as")
    if isinstance(condition, str):
        try:
            compile_condition(condition)
        except ConditionError as error:
            place = f"{where}, field 'condition', column {error.column}"
            found.append(Problem(error.code, place, error.message, error.fix, error.example))
    if isinstance(save_as, str) and save_as in ERROR_KEYS:
        names = ", ".join(sorted(ERROR_KEYS))
        message = f"'{save_as}' is set by the engine when a step fails ({names} are)"
        found.append(Problem("reserved_key", f"{where}, field 'save_as'", message, "choose another context key"))
    dependencies = fields.get("dependencies")
    if isinstance(dependencies, list | tuple) and (step_id in dependencies or fields.get("name") in dependencies):
        message = "the step depends on itself"
        found.append(Problem("self_dependency", where, message, "remove it from its own dependencies"))
    params = fields.get("params")
    if isinstance(params, dict):
        found += json_problems(params, f"{where}, field 'params'", limits.PARAMS_BYTES_MAX)
    return found


def json_problems(value: Any, where: str, bytes_max: int) -> list[Problem]:
    """What keeps a value from being stored as JSON: its type, its depth or its size."""
    try:
        size = len(strict_json(value))
    except ValueError as error:
        return [Problem("not_json", where, str(error), "use only None, bool, int, float, str, list and dict")]
    if size > bytes_max:
        message = f"{size} bytes as JSON; the limit is {bytes_max}"
        return [Problem("too_large", where, message, "store the data elsewhere and pass a reference")]
    return []


def strict_json(value: Any) -> bytes:
    """The value as JSON. Raises ValueError, saying where, for anything that JSON would not give back unchanged."""
    _require_json(value, "$", 0)
    try:
        return msgspec.json.encode(value)
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"it cannot be written as JSON: {error}") from error


def _require_json(value: Any, path: str, depth: int) -> None:
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return
    if kind is int:
        if not -(1 << 63) <= value < 1 << 64:
            raise ValueError(f"{path} is a whole number beyond 64 bits")
    elif kind is float:
        if not math.isfinite(value):
            raise ValueError(f"{path} is {value}, which JSON cannot hold")
    elif depth >= limits.JSON_DEPTH_MAX:
        raise ValueError(f"{path[:_SHOWN_CHARS]}… is nested more than {limits.JSON_DEPTH_MAX} deep")
    elif kind is list or kind is tuple:
        for n, item in enumerate(value):
            _require_json(item, f"{path}[{n}]", depth + 1)
    elif kind is dict:
        for key, item in value.items():
            if type(key) is not str:
                raise ValueError(f"{path} has a key that is not text: {shown(key)}")
            _require_json(item, f"{path}.{_short(key)}", depth + 1)
    else:
        raise ValueError(f"{path} is a {kind.__name__}, which is not JSON")


def _short(key: str) -> str:
    """A key as part of a path: one that is long, or cannot be written, as it is shown."""
    return key if len(key) <= _SHOWN_CHARS and key.isprintable() else shown(key)


def _plain(value: Any) -> Any:
    """The value as it will be read back from the journal, sharing nothing with the caller's."""
    return msgspec.json.decode(msgspec.json.encode(value)) if value else {}


_SHOWN_CHARS = 80


def shown(value: object) -> str:
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - a value whose repr raises is still to be named
        text = f"a {type(value).__name__}"
    return text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "…"


# A whole definition.


def problems(workflow: Workflow, handlers: Mapping[str, HandlerCheck]) -> list[Problem]:
    """Everything that keeps `workflow` from running. `handlers` maps each known handler to its params check."""
    if not workflow.steps:
        fix = "add at least one step"
        return [Problem("empty_workflow", f"workflow '{workflow.name}'", "it has no steps", fix)]
    found: list[Problem] = []
    steps = list(workflow.steps)
    depths = [0] * len(steps)
    for i, step in enumerate(steps):  # grows while it runs: the tasks of groups are steps too
        if step.handler == GROUP:
            tasks, task_problems = _group(step, depths[i])
            found += task_problems
            steps += tasks
            depths += [depths[i] + 1] * len(tasks)
    names = Names("steps", dict.fromkeys(step.name for step in steps))
    registered = Names("handlers", sorted({*handlers, *CORE_HANDLERS}))
    found += duplicates(steps)
    for i, step in enumerate(steps):
        found += _step_problems(step, names, registered, handlers, is_task=i >= len(workflow.steps))
    dependency_problems, dependencies = _resolve(workflow)
    found += dependency_problems
    found += _cycles(workflow, dependencies)
    found += _long_delays(workflow, dependencies)
    return found


def _group(group: Step, depth: int) -> tuple[list[Step], list[Problem]]:
    where = f"step '{group.name}', field 'params'"
    example = '{"tasks": [{"name": "A", "handler": "log", "params": {"message": "hello"}}]}'
    entries = group.params.get("tasks")
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        message = "parallel_group needs 'tasks', a non-empty list of objects"
        return [], [Problem("invalid_params", where, message, "write the tasks out", example)]
    if depth >= limits.GROUP_DEPTH_MAX or len(entries) > limits.GROUP_TASKS_MAX:
        message = f"at most {limits.GROUP_TASKS_MAX} tasks, and groups {limits.GROUP_DEPTH_MAX} deep"
        return [], [Problem("too_large", where, message, "split the group")]
    found: list[Problem] = []
    if extra := group.params.keys() - {"tasks"}:
        message = f"parallel_group takes only 'tasks', not {', '.join(map(repr, sorted(extra)))}"
        found.append(Problem("invalid_params", where, message, "remove what is extra", example))
    for n, entry in enumerate(entries):
        place = f"step '{group.name}', task {n + 1}"
        if "dependencies" in entry:
            message = "a task cannot have dependencies: the tasks of a group run side by side"
            found.append(Problem("invalid_params", place, message, "make it a step of its own"))
        fields = {key: value for key, value in entry.items() if key not in ("dependencies", "id")}
        try:
            new_step(f"{group.id}.{n}", fields)
        except ValidationError as error:
            found += [msgspec.structs.replace(p, where=f"{place}, {p.where}") for p in error.problems]
    if found:
        return [], found
    return list(tasks_of(group)), []


def duplicates(steps: list[Step]) -> list[Problem]:
    seen: set[str] = set()
    found = []
    for step in steps:
        if step.name in seen:
            message = f"the name '{step.name}' is used twice"
            found.append(Problem("duplicate_step", f"step '{step.name}'", message, "give each step its own name"))
        seen.add(step.name)
    return found


def _step_problems(
    step: Step, names: Names, registered: Names, handlers: Mapping[str, HandlerCheck], *, is_task: bool
) -> list[Problem]:
    where = f"step '{step.name}'"
    found: list[Problem] = []
    if step.handler not in handlers and step.handler not in CORE_HANDLERS:
        message = f"there is no handler '{step.handler}'"
        found.append(Problem("unknown_handler", f"{where}, field 'handler'", message, registered.fix(step.handler)))
    if step.run_when in ("any_succeeded", "any_failed") and (is_task or not step.dependencies):
        message = f"run_when '{step.run_when}' looks at dependencies, and the step has none"
        fix = "give it dependencies, or leave run_when out"
        found.append(Problem("run_when_alone", f"{where}, field 'run_when'", message, fix))
    if step.condition:
        for name in sorted(compile_condition(step.condition).step_names.difference(names.known)):
            message = f"it reads step '{name}', which does not exist"
            found.append(Problem("unknown_step", f"{where}, field 'condition'", message, names.fix(name)))
    found += _misplaced_secrets(step, where)
    if step.handler == GROUP:
        return found
    has_template = step.params and step.handler != CONDITION_CHECK
    template = compile_params(step.params, names.known, names.nearest) if has_template else None
    if template is not None:
        found += [msgspec.structs.replace(p, where=f"{where}, field '{p.where}'") for p in template.problems]
    check = _check_delay if step.handler == DELAY else handlers.get(step.handler)
    if check is not None:
        for problem in check(step.params):
            place = f"{where}, field 'params'" + (f", {problem.where}" if problem.where else "")
            found.append(msgspec.structs.replace(problem, where=place))
    return found


_SECRET = re.compile(rb"(?<!\\)\{secret\.")


def _misplaced_secrets(step: Step, where: str) -> list[Problem]:
    """A secret is filled in for a header's value, and nowhere else."""
    places: dict[str, Any] = {"'condition'": step.condition}
    if step.handler != GROUP:  # its tasks are looked at one by one
        places.update({f"'params', '{name}'": [name, value] for name, value in step.params.items()})
    headers = step.params.get("headers")
    if step.handler == "api_call" and isinstance(headers, dict):
        others = {name: value for name, value in headers.items() if not isinstance(value, str)}
        places["'params', 'headers'"] = [list(headers), others]
    message = "a secret is filled in for the value of a header of an api_call, and nowhere else"
    fix = "move it to 'headers'; for a brace that is text write \\{"
    example = '{"headers": {"Authorization": "Bearer {secret.NAME}"}}'
    return [
        Problem("secret_misplaced", f"{where}, field {place}", message, fix, example)
        for place, value in places.items()
        if _SECRET.search(msgspec.json.encode(value))
    ]


def _check_delay(params: dict[str, Any]) -> list[Problem]:
    seconds = params.get("seconds")
    placeholder = isinstance(seconds, str) and seconds.startswith("{") and seconds.endswith("}")
    found = []
    if not placeholder and not is_seconds(seconds):
        message = f"delay needs 'seconds', a number from 0 to {limits.SECONDS_MAX}, and got {shown(seconds)}"
        found.append(Problem("invalid_params", "", message, "give the seconds to wait", '{"seconds": 5}'))
    if extra := params.keys() - {"seconds"}:
        message = f"delay takes only 'seconds', not {', '.join(map(repr, sorted(extra)))}"
        found.append(Problem("invalid_params", "", message, "remove what is extra", '{"seconds": 5}'))
    return found


def _resolve(workflow: Workflow) -> tuple[list[Problem], list[tuple[int, ...]]]:
    places = {step.name: i for i, step in enumerate(workflow.steps)}
    names = Names("steps", list(places))
    places.update((step.id, i) for i, step in enumerate(workflow.steps))
    found: list[Problem] = []
    resolved: list[tuple[int, ...]] = []
    for i, step in enumerate(workflow.steps):
        known: list[int] = []
        for dependency in step.dependencies:
            target = places.get(dependency)
            if target is None:
                message = f"there is no step '{dependency}'"
                fix = names.fix(dependency, besides=step.name)
                found.append(_bad_dependency("unknown_dependency", step, message, fix))
            elif target == i:
                fix = "remove it from its own dependencies"
                found.append(_bad_dependency("self_dependency", step, "the step depends on itself", fix))
            else:
                known.append(target)
        resolved.append(tuple(dict.fromkeys(known)))
    return found, resolved


def _bad_dependency(code: str, step: Step, message: str, fix: str) -> Problem:
    return Problem(code, f"step '{step.name}', field 'dependencies'", message, fix)


def _cycles(workflow: Workflow, dependencies: list[tuple[int, ...]]) -> list[Problem]:
    """One problem for each circle, spelled out, until none would be left."""
    found: list[Problem] = []
    broken: set[int] = set()
    if len(_order(dependencies)) == len(dependencies):
        return found
    while len(found) < CYCLES_SHOWN_MAX:
        open_ones = [
            () if i in broken else tuple(d for d in ds if d not in broken) for i, ds in enumerate(dependencies)
        ]
        left = set(range(len(dependencies))) - set(_order(open_ones))
        if not left:
            break
        path: dict[int, int] = {}
        step = min(left)
        while step not in path:
            path[step] = len(path)
            step = next(d for d in open_ones[step] if d in left)
        circle = [i for i, place in path.items() if place >= path[step]]
        broken.update(circle)
        names = [workflow.steps[i].name for i in reversed([*circle, step])]
        message = "these steps wait for one another: " + " -> ".join(f"'{name}'" for name in names)
        fix = f"remove one of these dependencies, for instance '{names[-2]}' from '{names[-1]}'"
        found.append(Problem("dependency_cycle", f"workflow '{workflow.name}'", message, fix))
    return found


def _order(dependencies: list[tuple[int, ...]]) -> Sequence[int]:
    if all(not needed or max(needed) < i for i, needed in enumerate(dependencies)):
        return range(len(dependencies))  # as most are written: each step after those that it needs
    followers: list[list[int]] = [[] for _ in dependencies]
    for i, needed in enumerate(dependencies):
        for dependency in needed:
            followers[dependency].append(i)
    return topological(dependencies, followers)


def _long_delays(workflow: Workflow, dependencies: list[tuple[int, ...]]) -> list[Problem]:
    """A chain of literal delays that cannot fit into the global timeout."""
    if not any(step.handler in CORE_HANDLERS for step in workflow.steps):
        return []
    longest = [0.0] * len(dependencies)
    for i in _order(dependencies):
        longest[i] = _literal_delay(workflow.steps[i], 0) + max((longest[d] for d in dependencies[i]), default=0.0)
    total = max(longest, default=0.0)
    if total <= workflow.global_timeout:
        return []
    last = workflow.steps[longest.index(total)].name
    limit = workflow.global_timeout
    message = f"the delays up to '{last}' add up to {total:.15g} s, and global_timeout is {limit:.15g} s"
    needed = math.ceil(total) + DELAY_ROOM_S
    fix = f"set global_timeout to at least {needed}" if needed <= limits.SECONDS_MAX else "shorten the delays"
    return [Problem("delay_exceeds_timeout", f"workflow '{workflow.name}'", message, fix)]


def _literal_delay(step: Step, depth: int) -> float:
    if step.handler == DELAY:
        seconds = step.params.get("seconds")
        return seconds if is_seconds(seconds) else 0.0
    entries = step.params.get("tasks")
    if step.handler != GROUP or depth > limits.GROUP_DEPTH_MAX or not isinstance(entries, list):
        return 0.0
    tasks = [entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("params"), dict)]
    return max(
        (_literal_delay(Step("", "", str(task.get("handler")), task["params"]), depth + 1) for task in tasks),
        default=0.0,
    )
