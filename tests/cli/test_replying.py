"""reply: an assistant's reply from a file to the end of its runs, or to the note that lets the model correct it."""

from __future__ import annotations

import re
import shlex
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from tests.cli.support import COMMAND, CTRL_C, HANG_S, Terminal, clean, document, read_until, running, syncara

TEA = """\
Saya buatkan teh untuk Ana.

[MULTISTEP:CREATE_WORKFLOW:Tea:Makes tea:600:2]
[MULTISTEP:ADD_STEP:workflow_id:Boil:log:{"message":"boiling"}]
[MULTISTEP:ADD_STEP:workflow_id:Serve:send_message:{"text":"Tea for {context.name}"}:step1_id]
[MULTISTEP:EXECUTE:workflow_id:{"name":"Ana"}]

Sekarang: [MULTISTEP:STATUS:execution_id].
"""
BROKEN = TEA.replace(":send_message:", ":send_mesage:").replace(":step1_id]", ":Boill]")
HOLD = """\
[MULTISTEP:CREATE_WORKFLOW:Bot]
[MULTISTEP:ADD_STEP:workflow_id:Hold:hold]
[MULTISTEP:ADD_STEP:workflow_id:Last:log:{"message":"done"}:step1_id]
[MULTISTEP:EXECUTE:workflow_id]
"""
BOT = ("--handlers", "bot.py")


@pytest.fixture
def replies(folder: Path) -> Path:
    """The folder, with replies in it."""
    for name, text in (("tea.md", TEA), ("broken.md", BROKEN), ("hold.md", HOLD)):
        (folder / name).write_text(text, "utf-8")
    return folder


def counts(folder: Path) -> tuple[int, int]:
    """How many workflows and runs there are."""
    workflows, runs = (syncara("list", *more, "--json", cwd=folder) for more in (["--workflows"], []))
    return len(document(workflows)["workflows"]), len(document(runs)["executions"])


def piped(text: str | bytes, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    given = text.encode() if isinstance(text, str) else text
    words = [*COMMAND, "reply", "-", *arguments]
    return subprocess.run(
        words, cwd=cwd, env=clean(None), input=given, capture_output=True, timeout=HANG_S, check=False
    )


# Carried out.


def test_the_answer_comes_first_and_then_the_run(replies: Path) -> None:
    """The reply is printed with answers in the place of codes, then a line for each change of the run."""
    done = syncara("reply", "tea.md", cwd=replies)
    answer, _, lines = done.stdout.partition("\n\nex_")

    assert (0, "") == (done.returncode, done.stderr)
    assert re.fullmatch(
        r"Saya buatkan teh untuk Ana\.\n\n"
        r"📋 .*Tea.* · wf_\w{16}\n.*Boil.*\n.*Serve.*\n🚀 .*Tea.* · ex_\w{16}\n\n"
        r"Sekarang: .*Tea.*\.\n",
        answer,
    ), answer
    assert ["Boil", "Serve"] == re.findall(r"(\w+) +completed  attempt 1", lines)
    assert "\nTea for Ana\n" in lines
    assert lines.endswith("run    completed\n")


def test_a_reply_is_read_from_standard_input(replies: Path) -> None:
    """So that a model's answer can be piped in."""
    done = piped(TEA, cwd=replies)

    assert (0, b"") == (done.returncode, done.stderr)
    assert "Tea for Ana\n" in done.stdout.decode()


def test_prose_alone_is_printed_as_it_is(replies: Path) -> None:
    """A reply without codes starts nothing."""
    done = piped("See [1] and [the page](x).", cwd=replies)

    assert (0, "See [1] and [the page](x).\n") == (done.returncode, done.stdout.decode())


def test_with_json_stdout_holds_the_reply_and_its_runs(replies: Path) -> None:
    """What steps print goes to stderr."""
    done = syncara("reply", "tea.md", "--json", "--user-id", "ana", cwd=replies)
    found = document(done)
    (run,) = found["executions"]

    assert (0, "Tea for Ana\n", ["reply", "executions"]) == (done.returncode, done.stderr, list(found))
    assert (True, None, [run["id"]]) == tuple(found["reply"][name] for name in ("ok", "note", "execution_ids"))
    assert ("completed", None, "ana") == (run["status"], run["chat_id"], run["user_id"])


def test_a_run_that_fails_is_told_from_one_that_completes(replies: Path) -> None:
    """The exit code is 1, as with `run`."""
    done = piped(TEA.replace("{context.name}", "{context.nobody}"), cwd=replies)

    assert 1 == done.returncode
    assert "run    failed" in done.stdout.decode()


def test_a_run_that_waits_is_left(replies: Path) -> None:
    """The command does not wait for what does not go on by itself, and says so."""
    done = piped(TEA.replace("Sekarang", "\n[MULTISTEP:PAUSE:execution_id]\n\nSekarang"), cwd=replies)

    assert 0 == done.returncode
    assert re.fullmatch(r"ex_\w{16} is paused, and was left so\.\n", done.stderr.decode())


def test_language_and_form_are_those_that_are_asked_for(replies: Path) -> None:
    """The reply's own language is the default."""
    done = syncara("reply", "tea.md", "--language", "en", "--form", "html", cwd=replies)

    assert "Workflow <b>Tea</b> is ready" in done.stdout


def test_the_same_message_acts_once(replies: Path) -> None:
    """Given again, it shows the answer and the run that it had."""
    first, second = (syncara("reply", "tea.md", "--message-id", "31", "--json", cwd=replies) for _ in range(2))

    assert document(first) == document(second)
    assert (1, 1) == counts(replies)


def test_a_chats_reply_stays_in_its_chat(replies: Path) -> None:
    """Messages go to the chat, and a reply of no chat does not see its runs."""
    own = syncara("reply", "tea.md", "--chat-id", "7", cwd=replies)
    other = piped("[MULTISTEP:STATUS:execution_id]", cwd=replies)

    assert "[chat 7] Tea for Ana\n" in own.stdout
    assert (1, True) == (other.returncode, b"not_found" in other.stderr)


# Refused.


def test_a_refused_reply_is_told_to_people_and_to_the_model(replies: Path) -> None:
    """People read it on stdout, without codes; the note is on stderr, with carets below what is wrong."""
    done = syncara("reply", "broken.md", cwd=replies)
    lines = done.stderr.splitlines()
    marked = [
        above[below.index("^") :][: below.count("^")]
        for above, below in pairwise(lines)
        if re.fullmatch(r" +\^+", below)
    ]

    assert (1, ["send_mesage", "Boill"]) == (done.returncode, marked)
    assert ["Saya", "MULTISTEP", "unknown_handler"] == [
        word for word in ("Saya", "MULTISTEP", "unknown_handler") if word not in done.stdout
    ]
    assert done.stdout.startswith("🚫 ")
    assert "'send_message'" in done.stderr
    assert (0, 0) == counts(replies)


def test_a_refused_reply_is_a_document_too(replies: Path) -> None:
    """Errors, and the note to hand to the model, are in the reply; the exit code is 1."""
    done = syncara("reply", "broken.md", "--json", cwd=replies)
    reply = document(done)["reply"]

    assert (1, "", False, []) == (done.returncode, done.stderr, reply["ok"], document(done)["executions"])
    assert ["unknown_handler", "unknown_dependency"] == [problem["code"] for problem in reply["errors"]]
    assert ["send_mesage", "Boill"] == [BROKEN[slice(*problem["position"])] for problem in reply["errors"]]
    assert "'Boill'" in reply["note"]


def test_on_a_terminal_the_carets_stay_below_what_is_wrong(replies: Path) -> None:
    """Nothing but a correction, which is there to be copied, is wider than 80 columns; the carets are coloured."""
    terminal = Terminal("reply", "broken.md", cwd=replies)
    code = terminal.end()
    caret_lines = [line for line in terminal.text().splitlines() if re.fullmatch(r" +\^+ *", line)]

    assert (1, 2) == (code, len(caret_lines))
    assert ["   Write:"] == sorted({line[:9] for line in terminal.text().splitlines() if len(line) > 80})
    assert re.search(r"\x1b\[1;31m *\^+", terminal.shown)


def test_a_hostile_reply_does_not_steer_the_terminal(replies: Path) -> None:
    """Control characters of the reply, in its prose and in what the note shows of it, are not printed."""
    hostile = "\x1b]0;owned\x07\x1b[2JHello\n[MULTISTEP:EXECUTE:\x1b[31mnobody]\n"
    done = piped(hostile, cwd=replies)
    shown = piped(hostile.splitlines()[0], cwd=replies)

    assert (1, 0) == (done.returncode, shown.returncode)
    assert "Hello" in shown.stdout.decode()
    assert not re.search(rb"[\x00-\x08\x0b-\x1f]", done.stdout + done.stderr + shown.stdout)


@pytest.mark.parametrize(
    ("source", "code", "expected"),
    [("nofile.md", 3, "no_file"), (".", 4, "cannot_read"), ("latin.md", 1, "not_text")],
)
def test_what_cannot_be_read_is_the_same_error_as_everywhere(
    replies: Path, source: str, code: int, expected: str
) -> None:
    """One shape, with the exit code of its kind."""
    (replies / "latin.md").write_bytes("schön".encode("latin-1"))
    done = syncara("reply", source, "--json", cwd=replies)

    assert (code, expected) == (done.returncode, document(done)["error"]["code"])


# Only checked.


def test_a_dry_run_lists_the_codes_and_changes_nothing(replies: Path) -> None:
    """Not even a database is made; codes over several lines are shown in one."""
    (replies / "long.md").write_text(TEA.replace('{"message"', '{\n  "message"'))
    done = syncara("reply", "long.md", "--dry-run", cwd=replies)

    assert (0, "") == (done.returncode, done.stderr)
    assert '✓ [MULTISTEP:ADD_STEP:workflow_id:Boil:log:{ "message":"boiling"}]\n' in done.stdout
    assert done.stdout.endswith("Nothing is wrong with its 5 codes. Nothing was done.\n")
    assert [] == list(replies.glob("*.db"))


def test_a_dry_run_says_what_is_wrong_as_the_reply_itself_would(replies: Path) -> None:
    """The same text, the same note, the same exit code."""
    checked, done = (syncara("reply", "broken.md", *more, cwd=replies) for more in (["--dry-run"], []))

    assert (done.returncode, done.stdout, done.stderr) == (checked.returncode, checked.stdout, checked.stderr)


def test_a_dry_run_knows_what_the_chat_has(replies: Path) -> None:
    """Names are looked up in the database, which is only read."""
    syncara("reply", "tea.md", "--chat-id", "7", cwd=replies)
    for chat, code in (("7", 0), ("8", 1)):
        done = piped("[MULTISTEP:EXECUTE:Tea]", "--dry-run", "--json", "--chat-id", chat, cwd=replies)
        assert code == done.returncode

    assert (1, 1) == counts(replies)


# Interrupted, taken up again, and beside others.


def test_a_reply_goes_on_after_kill_9(replies: Path) -> None:
    """Another process takes its run up where it was."""
    with running("reply", "hold.md", *BOT, cwd=replies) as process:
        read_until(process, "Hold is called")
        process.kill()
    (replies / "go").touch()

    done = syncara("start", *BOT, cwd=replies)

    assert 0 == done.returncode
    assert "run   completed" in done.stdout
    assert ["Hold", "Hold"] == (replies / "calls").read_text().split()


def test_a_message_that_was_killed_goes_on_when_it_is_given_again(replies: Path) -> None:
    """The same message finds the run that it started."""
    words = ("reply", "hold.md", *BOT, "--message-id", "31")
    with running(*words, cwd=replies) as process:
        read_until(process, "Hold is called")
        process.kill()
    (replies / "go").touch()

    done = syncara(*words, cwd=replies)

    assert 0 == done.returncode
    assert "run   completed" in done.stdout
    assert (1, 1) == counts(replies)


def test_ctrl_c_says_what_to_type_and_that_goes_on(replies: Path) -> None:
    """As with `run`."""
    terminal = Terminal("reply", "hold.md", *BOT, cwd=replies)
    terminal.read_until("Hold is called")
    terminal.read_until("running")
    terminal.type(CTRL_C)
    code = terminal.end()
    typed = next(line.strip() for line in terminal.text().splitlines() if "syncara start" in line)
    (replies / "go").touch()

    done = syncara(*shlex.split(typed)[1:], "--json", cwd=replies)

    assert (130, 0, "completed") == (code, done.returncode, document(done)["executions"][0]["status"])


def test_a_reply_that_starts_nothing_lets_no_other_run_go_on(replies: Path) -> None:
    """Looking and making change no open run, nor does a refused reply."""
    with running("reply", "hold.md", *BOT, cwd=replies) as process:
        read_until(process, "Hold is called")
        process.kill()
    (run,) = document(syncara("list", "--json", cwd=replies))["executions"]
    history = ("history", run["id"], "--json")
    before = document(syncara(*history, cwd=replies))

    looked = piped("[MULTISTEP:STATUS:execution_id]\n[MULTISTEP:CREATE_WORKFLOW:More]", *BOT, cwd=replies)
    refused = syncara("reply", "broken.md", *BOT, cwd=replies)

    assert (0, 1) == (looked.returncode, refused.returncode)
    assert "More" in looked.stdout.decode()
    assert before == document(syncara(*history, cwd=replies))
    assert ["Hold"] == (replies / "calls").read_text().split()


def test_beside_the_process_that_runs_the_database_a_reply_is_only_checked(replies: Path) -> None:
    """A reply that is right needs to be that process; whether it is right can be said beside it."""
    with running("run", "bot.py", cwd=replies) as process:
        read_until(process, "Hold is called")
        right, checked, wrong = (
            syncara("reply", *arguments, "--json", cwd=replies)
            for arguments in (["tea.md"], ["tea.md", "--dry-run"], ["broken.md"])
        )

    assert (4, 0, 1) == (right.returncode, checked.returncode, wrong.returncode)
    assert f"process {process.pid} " in document(right)["error"]["message"]


def test_nothing_is_wrong_with_the_reply_of_the_example(tmp_path: Path) -> None:
    """The file that the page of the example names is right."""
    example = Path(__file__).parents[2] / "examples" / "assistant" / "reply.md"
    done = syncara("reply", str(example), "--dry-run", cwd=tmp_path)

    assert (0, "") == (done.returncode, done.stderr)
