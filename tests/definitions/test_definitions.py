"""Definitions in files: what is read, what is refused and where, and that what is written is read back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from syncara import MultiStepProcessor, NotFoundError, StorageError, SyncaraError, ValidationError, Workflow
from syncara.core import check
from syncara.core.graph import ERROR_KEYS
from syncara.core.model import Step
from syncara.definitions import (
    BYTES_MAX,
    DEPTH_MAX,
    Format,
    definition_of,
    dump_definition,
    load_definition,
    parse_definition,
    schema,
)
from syncara.stores.memory import MemoryStore

ROOT = Path(__file__).parents[2]

TEA_YAML = """\
# How tea is made
name: Tea
steps:
  - name: Boil
    handler: log
    params: {message: "hot {context.water}"}
  - name: Steep
    handler: delay
    params:
      seconds: 240
    dependencies:
      - Boil
"""
TEA = {
    "name": "Tea",
    "steps": [
        {"name": "Boil", "handler": "log", "params": {"message": "hot {context.water}"}},
        {"name": "Steep", "handler": "delay", "params": {"seconds": 240}, "dependencies": ["Boil"]},
    ],
}


def problems(error: SyncaraError) -> list[tuple[str, str]]:
    """Code and place of each."""
    found = error.problems if isinstance(error, ValidationError) else (error.problem,)
    return [(problem.code, problem.where) for problem in found]


def refused(text: str, format_: Format) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as caught:
        parse_definition(text, format_, "tea")
    return problems(caught.value)


# Reading.


def test_a_file_is_read_by_its_suffix(tmp_path: Path) -> None:
    """YAML and JSON give the same definition, a byte order mark or not."""
    (tmp_path / "tea.yaml").write_text(TEA_YAML)
    (tmp_path / "tea.YML").write_text("\ufeff" + TEA_YAML)
    (tmp_path / "tea.json").write_text(json.dumps(TEA, indent="\t"))

    assert [TEA] * 3 == [load_definition(tmp_path / name) for name in ("tea.yaml", "tea.YML", "tea.json")]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-0.5", -0.5),
        ("1e3", 1000.0),
        ("no", "no"),
        ("on", "on"),
        ("12:30", "12:30"),
        ("0812", "0812"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("+62", "+62"),
        ("2026-01-31", "2026-01-31"),
        (".inf", ".inf"),
        ("'12'", "12"),
        ('"true"', "true"),
        ("=", "="),
        ("|\n    a\n    b\n", "a\nb\n"),
    ],
)
def test_yaml_holds_the_values_of_json(written: str, expected: Any) -> None:
    """Numbers, true, false and null look like themselves; everything else is text."""
    assert {"name": "x", "metadata": {"v": expected}} == parse_definition(
        f"name: x\nmetadata:\n  v: {written}\n", "yaml"
    )


def test_a_key_is_the_text_that_is_written() -> None:
    """A key that looks like a number or a truth value stays as it is."""
    assert {"200": 1, "true": 2, "no": 3} == parse_definition("200: 1\ntrue: 2\nno: 3", "yaml")


def test_the_schema_of_a_file_is_no_field_of_the_workflow() -> None:
    """`$schema` at the top is for editors."""
    assert {"name": "x"} == parse_definition('{"$schema": "workflow.schema.json", "name": "x"}', "json")


# What is refused, and where.


@pytest.mark.parametrize(
    ("format_", "text", "expected"),
    [
        ("json", '{"name": "Tea",\n "steps": [1 2]}', [("bad_json", "tea:2:14")]),
        ("json", "", [("bad_json", "tea:1:1")]),
        ("json", '{"a":\n\t NaN}', [("bad_json", "tea:2:3")]),
        ("json", '{"a": -Infinity}', [("bad_json", "tea:1:7")]),
        (
            "json",
            '{"a": 1, "b": {"c": 1, "c": 2}, "a": 3}',
            [("duplicate_key", "tea:1:24"), ("duplicate_key", "tea:1:33")],
        ),
        ("json", '{"a": ' + "9" * 5_000 + "}", [("too_large", "tea:1:7")]),
        ("json", "[1, 2]", [("wrong_type", "tea:1:1")]),
        ("json", "[" * 100_000, [("too_deep", "tea")]),
        ("yaml", "name: a: b", [("bad_yaml", "tea:1:8")]),
        ("yaml", "name: x\nsteps:\n\t- y", [("bad_yaml", "tea:3:1")]),
        ("yaml", "name: [x", [("bad_yaml", "tea:2:1")]),
        ("yaml", "name: x\nvalue: \x07", [("bad_yaml", "tea:2")]),
        ("yaml", "name: x\nname: y\nname: z", [("duplicate_key", "tea:2:1"), ("duplicate_key", "tea:3:1")]),
        ("yaml", "name: x\n? [a]\n: b", [("wrong_key", "tea:2:3")]),
        ("yaml", "name: !!str 5", [("yaml_tag", "tea:1:7")]),
        ("yaml", "a: &a x\nb: *a", [("yaml_alias", "tea:2:4")]),
        ("yaml", "a: " + "9" * 5_000, [("too_large", "tea:1:4")]),
        ("yaml", "name: x\n---\nname: y", [("two_documents", "tea:3:1")]),
        ("yaml", "# nothing\n", [("empty_file", "tea")]),
        ("yaml", "just text", [("wrong_type", "tea:1:1")]),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(
    format_: Format, text: str, expected: list[tuple[str, str]]
) -> None:
    """Line and column count from 1; what can be found together is reported together."""
    assert expected == refused(text, format_)


@pytest.mark.parametrize("format_", ["json", "yaml"])
def test_nesting_has_a_limit(format_: Format) -> None:
    """A file cannot exhaust the stack."""
    text = '{"a": ' * (DEPTH_MAX + 1) + "1" + "}" * (DEPTH_MAX + 1)

    assert [("too_deep", f"tea:1:{6 * (DEPTH_MAX + 1) + 1}")] == refused(text, format_)


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system ['true']", "!!python/name:os.system", "!x 1"])
def test_no_tag_makes_an_object(tag: str) -> None:
    """A YAML file is data and nothing else."""
    assert [("yaml_tag", "tea:1:7")] == refused(f"name: {tag}", "yaml")


def test_aliases_cannot_blow_a_file_up() -> None:
    """The first alias ends the reading, whatever it would expand to."""
    bomb = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))

    assert [("yaml_alias", "tea:2:8")] == refused(bomb, "yaml")


@pytest.mark.parametrize(
    ("name", "content", "kind", "expected"),
    [
        ("tea.toml", b"", ValidationError, ("unknown_format", "")),
        ("tea", b"", ValidationError, ("unknown_format", "")),
        ("tea.json", b'{"name": "x"}\n\xff', ValidationError, ("not_text", ":2")),
        ("tea.yaml", b" " * (BYTES_MAX + 1), ValidationError, ("too_large", "")),
        ("tea.yaml", None, NotFoundError, ("no_file", "")),
        ("folder.yaml", b"folder", StorageError, ("cannot_read", "")),
    ],
)
def test_a_file_that_is_no_definition_is_named(
    tmp_path: Path, name: str, content: bytes | None, kind: type[SyncaraError], expected: tuple[str, str]
) -> None:
    """Each way in which a file can be wrong has a code of its own."""
    path = tmp_path / name
    if content == b"folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)

    with pytest.raises(kind) as caught:
        load_definition(path)

    code, line = expected
    assert [(code, f"{path}{line}")] == problems(caught.value)


def test_a_misspelt_file_name_is_answered_with_the_nearest(tmp_path: Path) -> None:
    """The files beside it are looked at."""
    (tmp_path / "tea.yaml").touch()

    with pytest.raises(NotFoundError) as caught:
        load_definition(tmp_path / "tee.yaml")

    assert "Did you mean 'tea.yaml'?" == caught.value.fix


def test_an_unknown_format_is_refused() -> None:
    """The formats are json and yaml."""
    with pytest.raises(ValidationError) as caught:
        parse_definition("", "toml")  # type: ignore[arg-type]

    assert [("unknown_format", "format")] == problems(caught.value)


WRONG = """\
name: Tea
global_timeout: 30
max_parallel_steps: none
steps:
  - name: Boil
    handler: log
    timeout: -1
    condition: "context.x >"
    save_as: errors
  - handler: log
  - text
  - handler: log
    params: []
"""
WRONG_TOGETHER = """\
name: Tea
global_timeout: 30
steps:
  - name: "Boil 'it'"
    handler: boil
    params: {message: hot}
  - name: Group
    handler: parallel_group
    params:
      tasks:
        - name: A
          handler: log
          params: {message: "{context.}"}
        - name: B
          handler: lgo
          params:
            message: x
  - name: Steep
    handler: delay
    params: {seconds: 240, minutes: 4}
    dependencies: [Group, Nothing]
    condition: "steps['Nobody'].status == 'completed'"
  - name: Say
    handler: log
    params:
      message: ["{steps.}"]
      level: loud
"""


def as_json_on_the_same_lines(text: str) -> str:
    """The YAML text as JSON whose fields stand on other lines; only to compare what is found, not where."""
    return json.dumps(yaml.safe_load(text), indent=2)


def found_in(text: str, format_: Format = "yaml") -> list[tuple[str, str]]:
    """The problems of a whole definition, by line."""
    processor = MultiStepProcessor(store=MemoryStore())
    definition = parse_definition(text, format_, "tea.yaml")

    def check_it() -> None:
        with definition.located():
            raise ValidationError(processor.validate(processor.define(definition)))

    with pytest.raises(ValidationError) as caught:
        check_it()
    return problems(caught.value)


def test_a_problem_of_a_field_points_at_its_line() -> None:
    """What `define` refuses is found in the file: fields, conditions, steps that are none."""
    assert [
        ("wrong_type", "tea.yaml:3:1: workflow 'Tea', field 'max_parallel_steps'"),
        ("wrong_type", "tea.yaml:7:5: step 'Boil', field 'timeout'"),
        ("syntax", "tea.yaml:8:5: step 'Boil', field 'condition', column 12"),
        ("reserved_key", "tea.yaml:9:5: step 'Boil', field 'save_as'"),
        ("missing_field", "tea.yaml:10:5: step None"),
        ("wrong_type", "tea.yaml:11:5: step number 3"),
        ("missing_field", "tea.yaml:10:5: step None"),
        ("wrong_type", "tea.yaml:13:5: step None, field 'params'"),
    ] == found_in(WRONG)


def test_a_problem_of_the_whole_points_at_its_line() -> None:
    """What only the whole definition shows is found in the file: handlers, params, tasks, placeholders."""
    assert {
        ("unknown_handler", "tea.yaml:5:5: step 'Boil 'it'', field 'handler'"),
        ("malformed_placeholder", "tea.yaml:13:20: step 'Group/A', field 'params.message'"),
        ("unknown_handler", "tea.yaml:15:11: step 'Group/B', field 'handler'"),
        ("invalid_params", "tea.yaml:20:5: step 'Steep', field 'params'"),
        ("unknown_dependency", "tea.yaml:21:5: step 'Steep', field 'dependencies'"),
        ("unknown_step", "tea.yaml:22:5: step 'Steep', field 'condition'"),
        ("unknown_step", "tea.yaml:26:17: step 'Say', field 'params.message.0'"),
        ("invalid_params", "tea.yaml:27:7: step 'Say', field 'params', 'level'"),
        ("delay_exceeds_timeout", "tea.yaml:1:1: workflow 'Tea'"),
    } == set(found_in(WRONG_TOGETHER))


@pytest.mark.parametrize("text", [WRONG, WRONG_TOGETHER])
def test_json_has_the_same_problems_on_its_own_lines(text: str) -> None:
    """A problem stands where the text of its field begins."""
    written = as_json_on_the_same_lines(text)
    lines = written.splitlines()

    found = found_in(written, "json")

    assert [(code, where.split(": ", 1)[1]) for code, where in found_in(text)] == [
        (code, where.split(": ", 1)[1]) for code, where in found
    ]
    for _, where in found:
        place, name = where.split(": ", 1)
        line, column = map(int, place.split(":")[1:])
        if ", field '" in name and "params." not in name:
            field = name.rpartition("'")[0].rpartition("'")[2]
            assert lines[line - 1][column - 1 :].startswith(f'"{field}"')


def test_of_two_steps_of_one_name_the_second_is_pointed_at() -> None:
    """That is the one to rename."""
    text = "name: T\nsteps:\n- {name: A, handler: log}\n- {name: A, handler: log}\n"

    assert [("duplicate_step", "tea.yaml:4:3: step 'A'")] == found_in(text)


# Writing.


def workflow_of(definition: dict[str, Any]) -> Workflow:
    processor = MultiStepProcessor(store=MemoryStore())
    return processor.get_workflow(processor.define(definition))


def test_a_dump_holds_neither_ids_nor_defaults() -> None:
    """What is written is what a person would have written."""
    long_form = {**TEA, "global_timeout": 1800, "auto_retry": True, "metadata": {}, "description": ""}

    assert TEA == definition_of(workflow_of(long_form))
    assert (
        "name: Tea\nsteps:\n  - name: Boil\n    handler: log\n    params:\n      message: hot {context.water}\n"
        "  - name: Steep\n    handler: delay\n    params:\n      seconds: 240\n    dependencies:\n      - Boil\n"
    ) == dump_definition(workflow_of(TEA), "yaml")


def test_times_that_were_stored_as_fractions_are_written_as_whole_numbers() -> None:
    """A definition that came back from a database reads as it was written."""
    stored = Workflow(
        "wf_1", "T", global_timeout=60.0, steps=(Step("st_1", "A", "log", timeout=300.0, retry_delay=1.5),)
    )

    assert {
        "name": "T",
        "global_timeout": 60,
        "steps": [{"name": "A", "handler": "log", "retry_delay": 1.5}],
    } == definition_of(stored)


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"))
    | st.from_regex(r"[-+.0-9eEoxX_:]{1,6}", fullmatch=True),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
    ),
    max_leaves=8,
)
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).filter(str.strip)
SECONDS = st.integers(1, 10_000) | st.floats(0.5, 10_000)
STEP_FIELDS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"handler": NAMES, "params": st.dictionaries(st.text(st.characters(codec="utf-8")), JSON_VALUES, max_size=3)},
    optional={
        "timeout": SECONDS,
        "retry_count": st.integers(0, 9),
        "condition": st.sampled_from(["context.x > 1", "  context['a: b'] == '#'  "]),
        "run_when": st.sampled_from(["any_failed", "none_failed"]),
        "on_error": st.sampled_from(["continue", "fail"]),
        "save_as": NAMES.filter(lambda name: name not in ERROR_KEYS),
    },
)


@st.composite
def definitions(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.lists(NAMES, max_size=4, unique=True))
    steps = [{"name": name, **draw(STEP_FIELDS)} for name in names]
    for i, step in enumerate(steps):
        step["dependencies"] = draw(st.lists(st.sampled_from([n for n in names if n != names[i]] or ["x"]), max_size=2))
    header = st.fixed_dictionaries(
        {"name": NAMES},
        optional={
            "description": st.text(st.characters(codec="utf-8")),
            "global_timeout": SECONDS,
            "auto_retry": st.booleans(),
            "metadata": st.dictionaries(st.text(st.characters(codec="utf-8")), JSON_VALUES, max_size=2),
        },
    )
    return {**draw(header), "steps": steps}


@pytest.mark.parametrize("format_", ["json", "yaml"])
@given(definition=definitions())
@settings(max_examples=60)
def test_what_is_written_is_read_back(format_: Format, definition: dict[str, Any]) -> None:
    """A dump defines the same workflow again, whatever its texts look like."""
    workflow = workflow_of(definition)

    read = parse_definition(dump_definition(workflow, format_), format_)

    assert definition_of(workflow) == read
    assert definition_of(workflow) == definition_of(workflow_of(read))


@given(text=st.from_regex(r"[-+.0-9eEoxXafn_:~ ]{1,8}", fullmatch=True) | st.text(st.characters(codec="utf-8")))
@settings(max_examples=100)
def test_text_is_text_for_other_readers_of_yaml_too(text: str) -> None:
    """What looks like a number, a date or a truth value to YAML 1.1 is put in quotes."""
    workflow = Workflow("wf_1", "T", metadata={"text": text})

    assert {"name": "T", "metadata": {"text": text}, "steps": []} == yaml.safe_load(dump_definition(workflow, "yaml"))


# Without PyYAML, and the schema.


def test_without_pyyaml_json_works_and_yaml_says_what_to_install() -> None:
    """The extra is needed by those who use YAML, and by nobody else."""
    code = (
        "import sys; sys.modules['yaml'] = None\n"
        "from syncara.definitions import parse_definition\n"
        "from syncara import InvalidStateError\n"
        "print(parse_definition('{\"name\": \"x\"}', 'json'))\n"
        "try: parse_definition('name: x', 'yaml')\n"
        "except InvalidStateError as error: print(error.code, error.example)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ["{'name': 'x'}", "yaml_missing pip install pyyaml"] == done.stdout.splitlines()


def test_the_published_schema_is_current() -> None:
    """docs/workflow.schema.json is what `syncara schema` prints."""
    assert schema() == json.loads((ROOT / "docs" / "workflow.schema.json").read_text())


def test_the_schema_has_every_field_that_can_be_written() -> None:
    """Ids and times of creation are not written; everything else has its meaning or its rule beside it."""
    described = schema()
    step = described["$defs"]["Step"]

    assert {*check.WORKFLOW_RULES, "steps", "$schema"} == described["properties"].keys()
    assert check.STEP_RULES.keys() == step["properties"].keys()
    assert (["name"], ["name", "handler"]) == (described["required"], step["required"])
    assert all(field["description"] for kind in (described, step) for field in kind["properties"].values())
    assert not any(kind["additionalProperties"] for kind in (described, step))
