"""What the grammar takes and nobody can have meant is refused, and what only looks odd is not."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncara import MultiStepProcessor
from syncara.commands import COMMANDS
from syncara.shortcodes import scan
from syncara.shortcodes.mentions import is_mentioned, is_offered
from syncara.shortcodes.suspects import with_suspects
from syncara.shortcodes.suspicions import FOREIGN, meant_placeholder
from syncara.stores.memory import MemoryStore

HEAD = "[MULTISTEP:CREATE_WORKFLOW:Tea]\n"
RUN = '[MULTISTEP:EXECUTE:workflow_id:{"name":"Ana","n":5}]'


@pytest.fixture
def bot() -> Iterator[MultiStepProcessor]:
    """A processor whose database is empty; replies are only checked."""
    found = MultiStepProcessor(store=MemoryStore())
    yield found
    found.close()


def codes(bot: MultiStepProcessor, text: str) -> list[str]:
    return [problem.code for problem in bot.check_reply(text, chat_id=5, user_id=5, message_id=1).errors]


def saying(params: str) -> str:
    return f"{HEAD}[MULTISTEP:ADD_STEP:workflow_id:Tell:send_message:{params}]\n{RUN}"


# Fields.


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[MULTISTEP:CREATE_WORKFLOW:Tea:600]", "suspicious_text"),
        ("[MULTISTEP:CREATE_WORKFLOW:Tea:10 menit]", "suspicious_text"),
        ("[MULTISTEP:CREATE_WORKFLOW:Tea:none:600]", "suspicious_text"),
        ("[MULTISTEP:CREATE_WORKFLOW:nama=Tea]", "suspicious_text"),
        ("[MULTISTEP:CREATE_WORKFLOW:name=Tea, timeout=60]", "suspicious_text"),
        ("[MULTISTEP:CREATE_WORKFLOW:Part 1: Tea]", "suspicious_text"),
        ("[MULTISTEP:CREATE_WORKFLOW:Tea:Hot:1.800]", "suspicious_number"),
        ("[MULTISTEP:CREATE_WORKFLOW:Tea:Hot:2:40]", "suspicious_number"),
        (r"[MULTISTEP:CREATE_WORKFLOW:Tea\_time]", "suspicious_text"),
        ("[MULTISTEP:CREATE_WORKFLOW:Tea:`hot`]", "suspicious_text"),
        ("[MULTISTEP:CREATE_WORKFLOW:Tea &amp; milk]", "suspicious_text"),
        ("[MULTISTEP:CREATE_WORKFLOW:Te\u200ba]", "suspicious_text"),
        (r'[MULTISTEP:EXECUTE:workflow_id:{"folder":"C:\backup"}]', "suspicious_text"),
        (r'[MULTISTEP:EXECUTE:workflow_id:{"sign":"\u0007"}]', "suspicious_text"),
        ("[MULTISTEP:CREATE_WORKFLOW:<name>]", "blank"),
        (saying('{"text":"Dear [name], hello"}'), "blank"),
        (saying('{"text":"<pesan>"}'), "blank"),
        (saying('{"text":"Call YOUR_NAME"}'), "blank"),
        (saying('{"text":"Hi","chat_id":"..."}'), "blank"),
        ("[MULTISTEP:CREATE_WORKFLOW:TBD]", "blank"),
        (
            HEAD + '[MULTISTEP:ADD_STEP:workflow_id:A:api_call:{"url":"https://example.com/...","method":"GET"}]',
            "blank",
        ),
        (
            HEAD + '[MULTISTEP:ADD_STEP:workflow_id:A:api_call:{"url":"https://example.com","json":{"user_id":"xxx"}}]',
            "blank",
        ),
        (HEAD + '[MULTISTEP:ADD_STEP:workflow_id:Rest:delay:{"seconds":1.500}]', "suspicious_number"),
        (HEAD + "[MULTISTEP:SCHEDULED_WORKFLOW:workflow_id:2030-01-01T10:00]", "no_zone"),
        (
            HEAD + '[MULTISTEP:ADD_STEP:workflow_id:A:log:{"message":"a"}:condition=context.list.length > 1]',
            "suspicious_condition",
        ),
        (
            HEAD + '[MULTISTEP:ADD_STEP:workflow_id:A:condition_check:{"condition":"steps[0].data"}]',
            "suspicious_condition",
        ),
    ],
)
def test_a_field_that_was_hardly_meant_so_is_refused(bot: MultiStepProcessor, text: str, code: str) -> None:
    """A field left out, a label, thousands with a point, an escape of another language, a blank, no time zone."""
    assert code in codes(bot, text)


@pytest.mark.parametrize(
    "text",
    [
        "[MULTISTEP:CREATE_WORKFLOW:Tea:2 cups a day:600:2]",
        "[MULTISTEP:CREATE_WORKFLOW: Tea : Makes tea : 600 : 2]",
        "[MULTISTEP:CREATE_WORKFLOW:E=mc2:None of it is hard:600]",
        r"[MULTISTEP:CREATE_WORKFLOW:Part 1\: Tea]",
        saying('{"text":"<b>Hi</b> [URGENT] [1] [x] a < b > c, $5, 50%, Rp1.500, (soon)"}'),
        saying('{"text":"Ask {nobody} about [link](https://example.com/...x)"}'),
        saying(r'{"text":"In \\{name} the brace is text"}'),
        saying('{"text":"Loading..."}'),
        *(saying(f'{{"text":"{text}"}}') for text in ("...", "…", "xxx", "___", "TO" + "DO", "tbd", "x" * 200)),
        HEAD
        + '[MULTISTEP:ADD_STEP:workflow_id:A:api_call:{"url":"https://example.com","json":{"title":"tbd","tags":["xxx"]}}]',
        HEAD + '[MULTISTEP:ADD_STEP:workflow_id:A:set_context:{"key":"lat","value":51.507}]',
        HEAD + "[MULTISTEP:ADD_STEP:workflow_id:A:log:{\"message\":\"a\"}:condition=context['length'] == 'size']",
    ],
)
def test_what_only_looks_odd_is_taken(bot: MultiStepProcessor, text: str) -> None:
    """Text is text: brackets, tags, prices and percentages among it."""
    assert [] == codes(bot, text)


@pytest.mark.parametrize(
    ("meant", "forgotten"),
    [
        ("Ketik /daftar <nama> untuk ikut", "Halo <nama>, ketik /daftar untuk ikut"),
        ("Type /register <name> <email>", "Type /help. Dear <name>, welcome"),
        ("/pesan@dapur_bot <menu>, [jumlah]", "Pesanan <menu> di /pesan"),
        ("Reply `/book` [date] [time]", "You are booked for [date]"),
        ("Map<String, List<Int>> is a type", "Put a <Int> into the list"),
        ("rows[name] is a cell", "Totalnya Rp<total> saja"),
        ("Tulis `Halo <nama>` di baris pertama", "Tulis ` Halo <nama> di baris pertama"),
        ("Start with:\\n```\\nDear [Name]\\n```", "Start with:\\nDear [Name]"),
        ("`{name}`", "{name}"),
        ("`AT&amp;T` is how it looks in HTML", "AT&amp;T calls"),
        ("<b>Tom &amp; Jerry</b>", "Tom &amp; Jerry"),
        ("<blockquote>Selamat pagi</blockquote>", "<salam> Selamat pagi"),
        ("Isi: ______ (tulis nama)", "Diskon ___% hari ini"),
        ("Peserta:\\n1. ____\\n2. ____", "Halo ____, apa kabar?"),
        ("Ana\\n________\\nKetua", "Ketua ________ hadir"),
        ("Choose coffee/tea/... yourself", "Join at https://example.com/..."),
        ("See `https://example.com/...`", "See https://example.com/order/<id>"),
        ("Ganti YOUR_API_KEY dengan kunci Anda", "Hai YOUR_NAME, ini kuncimu"),
    ],
)
@pytest.mark.parametrize(
    "form",
    [
        HEAD + '[MULTISTEP:ADD_STEP:workflow_id:Tell:send_message:{"text":"TEXT"}]',
        '[MULTISTEP:QUICK_WORKFLOW:Tea:[{"name":"A","handler":"notification","params":{"message":"TEXT"}}]]',
        HEAD + "[MULTISTEP:ADD_STEP:workflow_id:A:parallel_group:"
        '{"tasks":[{"name":"B","handler":"log","params":{"message":"TEXT"}}]}]',
    ],
    ids=["step", "quick", "group"],
)
def test_what_people_are_to_see_is_no_blank(bot: MultiStepProcessor, meant: str, forgotten: str, form: str) -> None:
    """How a command is used, types, forms, keys of their own; what an author forgot to fill in is refused beside it."""
    reply = bot.check_reply(form.replace("TEXT", forgotten), chat_id=5)

    assert [] == codes(bot, form.replace("TEXT", meant))
    assert ["suspicious_text" if "&amp;" in forgotten else "blank"] == [each.code for each in reply.errors]
    assert reply.errors[0].fix.endswith(", or put it between backticks if people are to see it so")


@pytest.mark.parametrize(
    ("meant", "forgotten"),
    [
        ("Membalas /daftar <nama>", "Menyapa <nama>"),
        ("Fills in `Dear [name]`", "Writes to [name]"),
        ("`<name>`", "<name>"),
        (r"A `\_` in Markdown", r"A \_ in Markdown"),
    ],
)
def test_a_description_is_read_by_people(bot: MultiStepProcessor, meant: str, forgotten: str) -> None:
    """The backticks that the note asks for are not found odd themselves, as they are around other descriptions."""
    assert [] == codes(bot, f"[MULTISTEP:CREATE_WORKFLOW:Tea:{meant}]")
    assert 1 == len(codes(bot, f"[MULTISTEP:CREATE_WORKFLOW:Tea:{forgotten}]"))


@pytest.mark.parametrize(
    ("handler", "params"),
    [
        ("api_call", '{"url":"https://example.com/`<id>`"}'),
        ("api_call", '{"url":"https://example.com","json":{"name":"/register <name>"}}'),
        ("database_operation", '{"operation":"find","collection":"list<name>"}'),
        ("database_operation", '{"operation":"find","collection":"notes","query":{"text":"`<text>`"}}'),
        ("file_operation", '{"operation":"read","file_path":"`[name].txt`"}'),
        ("send_message", '{"text":"Hi","chat_id":"/chat <id>"}'),
        ("set_context", '{"key":"`<key>`","value":1}'),
    ],
)
def test_in_what_a_step_acts_on_a_blank_is_a_blank(tmp_path: Path, handler: str, params: str) -> None:
    """Neither backticks nor a command before it make it one that is meant; and nothing is said of backticks."""
    with closing(MultiStepProcessor(tmp_path / "bot.db")) as bot:
        reply = bot.check_reply(f"{HEAD}[MULTISTEP:ADD_STEP:workflow_id:A:{handler}:{params}]", chat_id=5)

    assert [("blank", "write what belongs there")] == [(each.code, each.fix) for each in reply.errors]


@pytest.mark.parametrize("text", ["C:\\backup", "Te\u200ba"])
def test_backticks_hide_no_character_that_nobody_writes(bot: MultiStepProcessor, text: str) -> None:
    """What comes of a mistake in JSON is one between backticks too."""
    assert ["suspicious_text"] == codes(bot, saying(f'{{"text":"Open `{text}`"}}'))


def test_a_long_blank_is_not_repeated_whole(bot: MultiStepProcessor) -> None:
    """The first of it tells which it is."""
    reply = bot.check_reply(f"[MULTISTEP:CREATE_WORKFLOW:{'x' * 100}]", chat_id=5)

    assert [f"'name' has '{'x' * 39}…', a blank that was to be filled in"] == [each.message for each in reply.errors]


# Placeholders.


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("{{context.name}}", "{context.name}"),
        ("${context.name}", "{context.name}"),
        ("{ context.name }", "{context.name}"),
        ("{context['name']}", "{context.name}"),
        ("{context.get('name')}", "{context.name}"),
        ("{context.name or 'you'}", "{context.name|you}"),
        ("{name}", "{context.name}"),
        ("{Name}", "{context.name}"),
        ("%name%", "{context.name}"),
        ("<name>", "{context.name}"),
        ("{{anything}}", "{context.anything}"),
        ("{step1.data}", "{steps.Boil.data}"),
        ("{Boil.data}", "{steps.Boil.data}"),
        ("{steps.Boil.result}", "{steps.Boil.data}"),
        ("{steps['Boil'].data[0]}", "{steps.Boil.data[0]}"),
        ("context.name}", "{context.name}"),
        ("{context.name}", None),
        ("{steps.Boil.data.x|y}", None),
        ("{item.name}", None),
        ("{secret.KEY}", None),
        ("{nobody}", None),
        ("%nobody%", None),
        (r"\{name}", None),
        ('{"name":1}', None),
    ],
)
def test_a_placeholder_of_another_language_is_known(written: str, meant: str | None) -> None:
    """By its form, or by a key that the reply itself sets; anything else in braces is text."""
    names = {"step1": "Boil", "Boil": "Boil"}
    found = [meant_placeholder(each, {"name"}, names.get) for each in FOREIGN.finditer(written)]

    assert ([] if meant is None else [meant]) == [each for each in found if each is not None]


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ('{"text":"Hi {{context.name}}"}', "suspicious_placeholder"),
        ('{"text":"Hi {name}"}', "suspicious_placeholder"),
        ('{"text":"Hi {nobody}"}', None),
        ('{"text":"Write `{{name}}` where it belongs"}', None),
        ('{"text":"Hi","chat_id":"`{{name}}`"}', "suspicious_placeholder"),
    ],
)
def test_a_reply_that_would_send_braces_is_refused(bot: MultiStepProcessor, params: str, code: str | None) -> None:
    """What the reply gives to its run shows what was to be filled in."""
    assert ([] if code is None else [code]) == codes(bot, saying(params))


def test_the_alias_before_the_workflow_that_a_reply_makes_is_refused(bot: MultiStepProcessor) -> None:
    """It would mean an older workflow, and run that one."""
    bot.define({"name": "Old", "steps": [{"name": "A", "handler": "log", "params": {"message": "a"}}]})
    reply = bot.check_reply(f"[MULTISTEP:EXECUTE:workflow_id]\n{HEAD}")

    assert ["alias_too_early"] == [problem.code for problem in reply.errors]


# What looks like a code.


@pytest.mark.parametrize(
    ("text", "shortcode"),
    [
        ("[WORKFLOW:CREATE:Tea]", "MULTISTEP:CREATE_WORKFLOW"),
        ("[BOT:ADD_STEP:workflow_id:Tea]", "MULTISTEP:ADD_STEP"),
        ("[MULTISTP:CREAT_WORKFLOW:Tea]", "MULTISTEP:CREATE_WORKFLOW"),
        ("[CANCEL:execution_id]", "MULTISTEP:CANCEL"),
        ("[ADD STEP:workflow_id:Tea]", "MULTISTEP:ADD_STEP"),
        ("[JALANKAN:workflow_id]", "MULTISTEP:EXECUTE"),
        ("[SEND_MESSAGE:workflow_id:Tell]", "MULTISTEP:ADD_STEP"),
        ("[LIST_WORKFLOWS]", "MULTISTEP:LIST_WORKFLOWS"),
        ("[MUL\u200bTISTEP:EXECUTE:workflow_id]", "MULTISTEP:EXECUTE"),
        ("- CREATE_WORKFLOW:Tea", "MULTISTEP:CREATE_WORKFLOW"),
        ('{"tool": "MULTISTEP:EXECUTE", "workflow_id": "Tea"}', "MULTISTEP:EXECUTE"),
        ('{"name": "execute", "arguments": {"workflow_id": "workflow_id"}}', "MULTISTEP:EXECUTE"),
        ("MULTISTEP.execute(workflow_id)", "MULTISTEP:EXECUTE"),
        ('create_workflow(name="Tea")', "MULTISTEP:CREATE_WORKFLOW"),
        ('<MULTISTEP:EXECUTE workflow_id="Tea"/>', "MULTISTEP:EXECUTE"),
    ],
)
def test_what_must_have_been_a_code_is_an_error(text: str, shortcode: str) -> None:
    """Passed over as prose, it would be missing among the codes that are carried out."""
    (call,) = with_suspects(text, scan(text), COMMANDS)

    assert (shortcode, "not_a_code") == (call.shortcode, call.error and call.error.code)


@pytest.mark.parametrize(
    "text",
    [
        "[NOTE: this] [1] [a link](https://example.com) [x] [Status: running] [STATUS:OK] [WHY:not] [ERROR:404]",
        "The command MULTISTEP:STATUS shows it, and CANCEL: stops it. Workflow: Create is a verb.",
        '{"name":"Budi","action":"create"} send_message(text) create_table(x) HTTP/1.1: GET',
        "`[CANCEL:execution_id]` and\n```\n[CREATE_WORKFLOW:Tea]\n```\n> [ADD_STEP:workflow_id:Tea]",
        "<b>Status</b>: fine",
        "[A:B:C] [LOG:ERROR:x] [EXECUTE ORDER 66] [START:END]",
    ],
)
def test_prose_stays_prose(text: str) -> None:
    """Labels in brackets, names of commands in a sentence, what is shown as code."""
    assert [] == with_suspects(text, scan(text), COMMANDS)


@settings(max_examples=200)
@given(
    st.lists(st.sampled_from([*"[]{}()<>:|`\n ", "MULTISTEP", "CREATE_WORKFLOW", "workflow_id", "name"]), max_size=20),
)
def test_what_looks_like_a_code_overlaps_no_code(parts: list[str]) -> None:
    """All calls together are disjoint and in the order of the text."""
    text = "".join(parts)
    calls = with_suspects(text, scan(text), COMMANDS)

    assert all(one.span[1] <= other.span[0] for one, other in itertools.pairwise(calls))


# What is only talked about.


@pytest.mark.parametrize(
    ("text", "offered", "mentioned"),
    [
        ("If you want to stop it, tell me: CODE", True, True),
        ("Kalau mau berhenti, ketik CODE ya.", True, True),
        ("To stop it, use CODE any time.", True, True),
        ("Anda bisa membatalkannya dengan CODE.", True, True),
        ("When you are back I continue with CODE.", False, True),
        ("The command for that is CODE.", False, True),
        ("CODE stops it.", False, True),
        ("I am stopping it now with CODE and you will hear no more.", False, False),
        ("Baik, saya jeda dulu: CODE", False, False),
        ("Did you want that? If so, good. Now: CODE", False, False),
        ("I'll use CODE now.", False, False),
    ],
)
def test_the_words_around_a_code_tell_whether_it_is_meant(text: str, *, offered: bool, mentioned: bool) -> None:
    """A condition, an instruction to write it, what it would do: of the sentence that it stands in."""
    found = re.search("CODE", text)
    assert found is not None

    assert (offered, mentioned) == (is_offered(text, found.start()), is_mentioned(text, *found.span()))


def test_a_code_that_is_only_offered_does_not_run(bot: MultiStepProcessor) -> None:
    """A label may stand before a code that makes something; the words of an offer are none."""
    text = f"{HEAD}You can start it again with {RUN}"

    assert ["in_sentence"] == [code for code in codes(bot, text) if code == "in_sentence"]
