"""The settings, and the only reader of the environment.

SYNCARA_DATABASE    the SQLite file; default `syncara.db` in the working directory
SYNCARA_DURABILITY  `full` (default: survives power loss) or `fast` (survives kill -9)
SYNCARA_WORKSPACE   the folder of relative paths in file_operation; default `workspace` in the working directory
SYNCARA_DOCUMENTS   where the documents are: a `mongodb://` URL; default: in the database file
SYNCARA_NOTIFY      where notifications go: Apprise URLs, separated by commas; default: Python's logging
SYNCARA_ANNOUNCE    `yes` (default) or `no`: tell a chat how the runs end that its replies started
SYNCARA_RETENTION   seconds that finished executions are kept; default: until `cleanup`
SYNCARA_POLICY      a TOML file that says what an assistant may do; default: what is safe in any chat
SYNCARA_SECRETS     a TOML file with secrets, `NAME = "value"`, that only its owner may read; default: no file
SYNCARA_SECRET_NAME the secret NAME; it goes before the file's
"""

from __future__ import annotations

import math
import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec

from syncara.core.errors import Problem, ValidationError
from syncara.core.limits import SECONDS_MAX

Durability = Literal["full", "fast"]
DATABASE = "syncara.db"
_SECRET = "SYNCARA_SECRET_"  # noqa: S105 - how variables with secrets begin, none itself
_SWITCH = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


class Settings(msgspec.Struct, frozen=True):
    database: str = DATABASE
    durability: Durability = "full"
    documents: str | None = None
    notify: str | None = None
    workspace: Path | None = None
    """None: `workspace` in the working directory."""
    retention: float | None = None
    """Seconds that finished executions are kept; None keeps them until `cleanup`."""
    announce: bool = True
    policy: Path | None = None
    """The file; None: the built-in policy."""
    secrets: str | None = None
    """The file. What is in it is for `secrets` to read: settings are shown, secrets never."""


def load(given: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Settings:
    """Settings from `given` (None means: not given), then the environment, then the defaults.

    Raises ValidationError naming the setting.
    """
    read: dict[str, Any] = {
        "database": environment.get("SYNCARA_DATABASE"),
        "durability": environment.get("SYNCARA_DURABILITY"),
        "retention": environment.get("SYNCARA_RETENTION"),
        "workspace": environment.get("SYNCARA_WORKSPACE"),
        "documents": environment.get("SYNCARA_DOCUMENTS"),
        "notify": environment.get("SYNCARA_NOTIFY"),
        "announce": environment.get("SYNCARA_ANNOUNCE"),
        "policy": environment.get("SYNCARA_POLICY"),
        "secrets": environment.get("SYNCARA_SECRETS"),
    }
    read.update({name: value for name, value in given.items() if value is not None})
    values = {name: value for name, value in read.items() if value is not None}
    found = []
    values.setdefault("database", DATABASE)
    for name in filter(values.__contains__, ("database", "secrets")):
        try:
            values[name] = os.fsdecode(values[name])
        except TypeError:  # the value is not shown: it may be the secrets themselves
            message = f"{name} is the path of a file, not {type(values[name]).__name__}"
            found.append(Problem("wrong_type", f"SYNCARA_{name.upper()}", message, "pass text or a pathlib.Path"))
    if "workspace" in values:
        try:
            values["workspace"] = Path(values["workspace"])
        except TypeError:
            message = f"the workspace is the path of a folder, not {values['workspace']!r}"
            found.append(Problem("wrong_type", "SYNCARA_WORKSPACE", message, "pass text or a pathlib.Path"))
    if values.get("durability", "full") not in get_args(Durability):
        message = f"durability is 'full' or 'fast', not {values['durability']!r}"
        found.append(Problem("wrong_type", "SYNCARA_DURABILITY", message, "use 'full' or 'fast'"))
    if "announce" in values and not isinstance(values["announce"], bool):
        announce = _SWITCH.get(str(values["announce"]).lower())
        if announce is None:
            message = f"announce is 'yes' or 'no', not {values['announce']!r}"
            found.append(Problem("wrong_type", "SYNCARA_ANNOUNCE", message, "use 'yes' or 'no'"))
        values["announce"] = announce
    if "retention" in values:
        try:
            values["retention"] = float(values["retention"])
        except (TypeError, ValueError):
            values["retention"] = math.nan
        if not 0 <= values["retention"] <= SECONDS_MAX:
            message = f"retention is a number of seconds, not {values['retention']!r}"
            found.append(Problem("wrong_type", "SYNCARA_RETENTION", message, "give seconds, such as 604800"))
    if found:
        raise ValidationError(found)
    return Settings(**values)


def secrets(file: str | None, environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """The secrets by name: those of the file, and over them those of the environment.

    Raises ValidationError for a file that cannot be read, or that others can.
    """
    read = {} if file is None else _private_toml(file)
    named = {name.removeprefix(_SECRET): value for name, value in environment.items() if name.startswith(_SECRET)}
    return {**read, **named}


def _private_toml(file: str) -> dict[str, Any]:
    where = f"SYNCARA_SECRETS, {file}"
    try:
        with Path(file).open("rb") as opened:
            mode = stat.S_IMODE(os.fstat(opened.fileno()).st_mode)
            if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
                message = f"others than its owner can get at the file with the secrets (its mode is {mode:04o})"
                raise ValidationError([Problem("not_private", where, message, "make it private", f"chmod 600 {file}")])
            return tomllib.load(opened)
    except OSError as error:
        message = f"the file with the secrets cannot be read: {error.strerror}"
        raise ValidationError([Problem("unreadable", where, message, "check the path")]) from None
    except ValueError as error:  # what is no TOML, or no UTF-8
        message = f"the file with the secrets is no TOML: {error}"
        raise ValidationError([Problem("bad_toml", where, message, 'write lines as NAME = "value"')]) from None
