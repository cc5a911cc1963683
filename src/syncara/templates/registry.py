"""Templates: functions from params to a definition, under a name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from syncara.core.errors import NotFoundError, Problem, ValidationError, nearest

Definition = dict[str, Any]
"""What `define` takes: name, steps and the other fields of a workflow."""


class Template(NamedTuple):
    name: str
    build: Callable[[Any], Definition]
    """Takes the params (an instance of `params`, or a dict when there is none) and returns a definition."""
    params: type | None = None
    """A msgspec Struct class; its fields are what the template can be given."""

    @property
    def description(self) -> str:
        return (self.build.__doc__ or "").strip().partition("\n")[0]


class Templates:
    def __init__(self, builtin: Mapping[str, Template]) -> None:
        self._templates = dict(builtin)

    def names(self) -> list[str]:
        return sorted(self._templates)

    def get(self, name: str) -> Template:
        """Raises NotFoundError, with the nearest name."""
        template = self._templates.get(name)
        if template is None:
            fix = nearest(str(name), self._templates) or "the templates are " + ", ".join(self.names())
            raise NotFoundError("unknown_template", f"there is no template '{name}'", "template", fix)
        return template

    def register(self, name: str, build: Callable[[Any], Definition], params: type | None = None) -> None:
        """Add a template, or replace the one of that name."""
        if not isinstance(name, str) or not name.strip() or not callable(build):
            message = "a template needs a name and a function from params to a definition"
            raise ValidationError([Problem("wrong_type", "register_template", message, "pass both")])
        self._templates[name] = Template(name, build, params)

    def build(self, name: str, params: Mapping[str, Any]) -> Definition:
        """The definition that a template makes of `params`. Raises NotFoundError, ValidationError."""
        template = self.get(name)
        if template.params is None:
            return template.build(dict(params))
        fields = {field.encode_name for field in msgspec.structs.fields(template.params)}
        unknown = [
            Problem(
                "invalid_params",
                f"template '{name}'",
                f"there is no param '{given}'",
                nearest(given, fields) or "the params are " + ", ".join(sorted(fields)),
            )
            for given in sorted(set(params) - fields)
        ]
        if unknown:
            raise ValidationError(unknown)
        try:
            return template.build(msgspec.convert(dict(params), template.params))
        except msgspec.ValidationError as error:
            fix = "the params are " + ", ".join(sorted(fields))
            raise ValidationError([Problem("invalid_params", f"template '{name}'", str(error), fix)]) from None
