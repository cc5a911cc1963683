"""Where a workflow and its handlers come from: a YAML or JSON file, a Python file, the database."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from syncara import InvalidStateError, MultiStepProcessor, StorageError, Workflow, multi_step_processor
from syncara.core.errors import NotFoundError, Problem, SyncaraError, ValidationError
from syncara.definitions import Definition, load_definition
from syncara.doors.cli.approving import Printer
from syncara.doors.cli.database import reading

Content = Mapping[str, Any] | Workflow | str
"""A definition, or the id of one that is in the database."""
VARIABLE = "workflow"
_EXAMPLE = f'{VARIABLE} = {{"name": "Tea", "steps": [{{"name": "Boil", "handler": "boil"}}]}}'


@contextmanager
def runner(
    database: str | None, handler_files: tuple[str, ...], *, read_only: bool = False, hands_off: bool = False
) -> Iterator[MultiStepProcessor]:
    """The processor that Python files register their handlers on, with those of `handler_files` on it."""
    printer = Printer(database)  # unless a file configures another messenger
    multi_step_processor.configure(database=database, messenger=printer, read_only=read_only, hands_off=hands_off)
    for path in handler_files:
        import_file(path, database)
    try:
        yield multi_step_processor
    finally:
        asyncio.run(multi_step_processor.stop())


def is_file(target: str) -> bool:
    return Path(target).suffix != "" or Path(target).exists()


def is_python(target: str) -> bool:
    return Path(target).suffix.lower() == ".py"


def read_file(path: str, database: str | None) -> Content:
    """What a file defines. A Python file is run, and registers its handlers. Raises NotFoundError, ValidationError."""
    return _workflow_of(import_file(path, database), path) if is_python(path) else load_definition(path)


def stored(database: str | None, workflow_id: str) -> Workflow:
    """A workflow of the database. Raises NotFoundError, for a database that is not there too."""
    try:
        with reading(database) as processor:
            return processor.get_workflow(workflow_id)
    except (NotFoundError, StorageError) as error:
        if error.code not in ("not_found", "no_database"):
            raise
        fix = "name a .yaml, .json or .py file, or an id that `syncara list --workflows` shows"
        message = f"there is no file and no workflow '{workflow_id}'"
        raise NotFoundError("not_found", message, fix=error.fix if "mean" in error.fix else fix) from None


def define(processor: MultiStepProcessor, content: Content) -> str:
    """Make the workflow and return its id. Raises ValidationError with everything that keeps it from running."""
    with _located(content):
        if isinstance(content, str):
            problems = processor.validate(content)
            if problems:
                raise ValidationError(problems)
            return content
        workflow_id = processor.define(content)
        problems = processor.validate(workflow_id)
        if problems:
            processor.delete_workflow(workflow_id)
            raise ValidationError(problems)
        return workflow_id


def _located(content: Content) -> AbstractContextManager[None]:
    """Within it, problems name the places in the file, where there is one."""
    return content.located() if isinstance(content, Definition) else nullcontext()


def import_file(path: str, database: str | None) -> ModuleType:
    """Run a Python file as a module, once, with its folder importable. Raises NotFoundError, ValidationError.

    `database` is used even where the file configures another, unless it has opened that one.
    """
    file = Path(path).resolve()
    if not file.is_file():
        raise NotFoundError("no_file", "there is no such file", path, "check the path")
    name = f"syncara_file_{file.stem}"
    if name in sys.modules and sys.modules[name].__file__ == str(file):
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        problem = Problem("unknown_format", path, "this is not a Python file", "name a file that ends in .py")
        raise ValidationError([problem])
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(file.parent))
    with _users_code(path):
        spec.loader.exec_module(module)
    if database is not None:
        with suppress(InvalidStateError):
            multi_step_processor.configure(database=database)
    return module


@contextmanager
def _users_code(path: str) -> Iterator[None]:
    """Within it, whatever a Python file raises becomes an error with the line in that file; ours stay as they are."""
    try:
        yield
    except SyncaraError:
        raise
    except (Exception, SystemExit) as error:
        file = str(Path(path).resolve())
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
        message = f"{type(error).__name__}: {error}"
        if isinstance(error, SyntaxError) and error.filename == file:
            lines, message = [error.lineno], f"{type(error).__name__}: {error.msg}"
        where = f"{path}:{lines[-1]}" if lines else path
        raise ValidationError([Problem("python_error", where, message, "correct the file")]) from error


def _workflow_of(module: ModuleType, path: str) -> Content:
    value = getattr(module, VARIABLE, None)
    if callable(value):
        with _users_code(path):
            value = value()
    if isinstance(value, Mapping | Workflow | str):
        return value
    message = f"the file has no '{VARIABLE}'" if value is None else f"its '{VARIABLE}' is {type(value).__name__}"
    fix = f"set '{VARIABLE}' to a definition, the id of a workflow that the file made, or a function that returns one"
    raise ValidationError([Problem("no_workflow", path, message, fix, _EXAMPLE)])
