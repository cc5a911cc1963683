"""send_message in real runs, with a messenger of the test's own and with the console's."""

from __future__ import annotations

import html
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from syncara import Execution, Messenger, MultiStepProcessor, NonRetryableError, ValidationError
from syncara.answers import Form
from tests.integration.support import HANG_S, one_step

LIMIT = 4096


class Recorder:
    """A messenger that keeps what it is given and numbers the messages."""

    def __init__(self) -> None:
        self.sent: list[tuple[Any, str]] = []
        self.keys: list[str] = []
        self.troubles: list[Exception | None] = []
        """What the next sends raise; None lets one through."""

    async def send(self, chat_id: Any, text: str, *, idempotency_key: str) -> int:
        self.keys.append(idempotency_key)
        trouble = self.troubles.pop(0) if self.troubles else None
        if trouble is not None:
            raise trouble
        self.sent.append((chat_id, text))
        return 100 + len(self.sent)

    async def edit(self, chat_id: Any, message_id: Any, text: str, *, idempotency_key: str) -> None: ...

    async def pin(self, chat_id: Any, message_id: Any, *, idempotency_key: str) -> None: ...


class FormRecorder(Recorder):
    """One whose chat service takes formatted text."""

    def __init__(self, form: Form) -> None:
        super().__init__()
        self.form = form


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
async def chatting(database: Path, recorder: Recorder) -> AsyncIterator[MultiStepProcessor]:
    messenger: Messenger = recorder
    async with MultiStepProcessor(database, messenger=messenger) as processor:
        yield processor


async def send(processor: MultiStepProcessor, params: dict[str, Any], chat_id: Any = 9, **fields: Any) -> Execution:
    workflow_id = one_step(processor, "send_message", params=params, **fields)
    context = {"name": "Ana", "user": {"id": 5}, "other": "@other"}
    return await processor.wait(await processor.execute_workflow(workflow_id, context, chat_id=chat_id), HANG_S)


def data(execution: Execution) -> Any:
    result = execution.steps["Only"].result
    assert result is not None, execution.error
    return result.data


async def test_a_message_goes_to_the_runs_chat(chatting: MultiStepProcessor, recorder: Recorder) -> None:
    """Its text is rendered; the result names the chat and the message."""
    ended = await send(chatting, {"text": "Hello {context.name}! 🎉"})

    assert [(9, "Hello Ana! 🎉")] == recorder.sent
    assert {"chat_id": 9, "message_ids": [101]} == data(ended)
    assert [f"{ended.id}:{ended.steps['Only'].id}"] == recorder.keys


@pytest.mark.parametrize(
    ("chat", "expected"), [(123456789, 123456789), ("@room", "@room"), ("{context.other}", "@other")]
)
async def test_a_step_may_name_another_chat(
    chatting: MultiStepProcessor, recorder: Recorder, chat: Any, expected: Any
) -> None:
    """`chat_id` of the step comes before that of the run."""
    await send(chatting, {"text": "hi", "chat_id": chat})

    assert [(expected, "hi")] == recorder.sent


async def test_what_is_not_text_is_sent_as_json(chatting: MultiStepProcessor, recorder: Recorder) -> None:
    """A placeholder that is alone keeps its type, and a message is text in the end."""
    await send(chatting, {"text": "{context.user}"})

    assert [(9, '{"id":5}')] == recorder.sent


async def test_a_repeat_has_the_same_key(chatting: MultiStepProcessor, recorder: Recorder) -> None:
    """A messenger that knows keys can drop the second of two equal messages."""
    recorder.troubles = [ConnectionError("reset"), ConnectionError("reset")]

    ended = await send(chatting, {"text": "hi"}, retry_count=2, retry_delay=0)

    assert ("completed", 3, 1) == (ended.status, ended.steps["Only"].attempts, len(set(recorder.keys)))
    assert [(9, "hi")] == recorder.sent


async def test_a_messenger_may_say_that_trying_again_is_useless(
    chatting: MultiStepProcessor, recorder: Recorder
) -> None:
    """The user has blocked the bot, say."""
    recorder.troubles = [NonRetryableError("bot was blocked by the user")]

    ended = await send(chatting, {"text": "hi"}, retry_count=5)

    assert ("failed", 1, "bot was blocked by the user") == (
        ended.status,
        ended.steps["Only"].attempts,
        ended.steps["Only"].error,
    )


def units(text: str) -> int:
    """The length of a text as chat services count it."""
    return len(text.encode("utf-16-le")) // 2


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a" * LIMIT, 1),
        ("a" * (LIMIT + 1), 2),
        ("🎉" * (LIMIT // 2), 1),
        ("🎉" * (LIMIT // 2 + 1), 2),
        ("a" + "🎉" * LIMIT, 3),
        (("word " * 1000 + "\n") * 3, 4),
    ],
    ids=["just fits", "one too many", "emoji that fit", "an emoji too many", "an emoji on the edge", "lines and words"],
)
async def test_a_long_message_goes_out_in_parts(
    chatting: MultiStepProcessor, recorder: Recorder, text: str, parts: int
) -> None:
    """At most 4,096 UTF-16 units each, none of the text lost or cut inside a character, each with a key of its own."""
    ended = await send(chatting, {"text": text})
    sent = [part for _, part in recorder.sent]

    assert parts == len(sent) == len(set(recorder.keys)) == len(data(ended)["message_ids"])
    assert text == "".join(sent)
    assert all(0 < units(part) <= LIMIT for part in sent)


async def test_a_message_is_cut_where_a_line_or_a_word_ends(chatting: MultiStepProcessor, recorder: Recorder) -> None:
    """Words stay whole as long as they are no longer than a message."""
    await send(chatting, {"text": "seven " * 2000})

    assert {"seven"} == {word for _, part in recorder.sent for word in part.split()}


async def test_a_message_is_rather_cut_between_lines(chatting: MultiStepProcessor, recorder: Recorder) -> None:
    """Words go together with their line, as far as a message can hold it."""
    await send(chatting, {"text": "all of one line\n" * 500})

    assert {"all of one line"} == {line for _, part in recorder.sent for line in part.splitlines()}


async def test_no_message_is_white_space_alone(chatting: MultiStepProcessor, recorder: Recorder) -> None:
    """Chat services refuse it, and the step would fail for what nobody misses."""
    await send(chatting, {"text": "a" * LIMIT + "\n"})

    assert [(9, "a" * LIMIT)] == recorder.sent


async def test_the_parts_of_a_repeat_have_the_same_keys(chatting: MultiStepProcessor, recorder: Recorder) -> None:
    """When the second part fails, both are sent again under the keys that they had."""
    recorder.troubles = [None, ConnectionError("reset")]

    await send(chatting, {"text": "a" * LIMIT + "b"}, retry_count=1, retry_delay=0)

    first, second = recorder.keys[:2]
    assert [first, second, first, second] == recorder.keys
    assert [(9, "a" * LIMIT), (9, "a" * LIMIT), (9, "b")] == recorder.sent


# Forms.


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        ("plain", "1 < 2 & <b>x</b> *y*"),
        ("html", "1 &lt; 2 &amp; &lt;b&gt;x&lt;/b&gt; *y*"),
        ("markdown", r"1 \< 2 \& \<b>x\</b> \*y\*"),
    ],
)
async def test_the_text_of_a_step_is_escaped_into_the_messengers_form(database: Path, form: Form, shown: str) -> None:
    """A step's text is plain: whatever stands in it is shown as it stands there."""
    recorder = FormRecorder(form)
    async with MultiStepProcessor(database, messenger=recorder) as processor:
        await send(processor, {"text": "1 < 2 & <b>x</b> *y*"})

    assert [(9, shown)] == recorder.sent


async def test_a_long_text_is_cut_after_it_was_escaped(database: Path) -> None:
    """Each part fits into a message, and ends in no escape."""
    recorder = FormRecorder("html")
    async with MultiStepProcessor(database, messenger=recorder) as processor:
        await send(processor, {"text": "<" * LIMIT})
    sent = [part for _, part in recorder.sent]

    assert "<" * LIMIT == "".join(map(html.unescape, sent))
    assert {0} == {len(part) % len("&lt;") for part in sent}
    assert LIMIT == max(map(units, sent))


async def test_without_a_form_a_messenger_gets_the_text_as_it_is(
    chatting: MultiStepProcessor, recorder: Recorder
) -> None:
    """Where nothing is said about formatting, there is none."""
    await send(chatting, {"text": "1 < 2 & <b>x</b>"})

    assert [(9, "1 < 2 & <b>x</b>")] == recorder.sent


# No chat.


async def test_a_message_without_any_chat_is_refused_at_the_check(
    chatting: MultiStepProcessor, recorder: Recorder
) -> None:
    """A real messenger has to know where to; the error names the step and the two places for the chat."""
    with pytest.raises(ValidationError) as refused:
        await send(chatting, {"text": "hi"}, chat_id=None)

    assert ("no_chat", "step 'Only'") == (refused.value.code, refused.value.where)
    assert "give chat_id to execute_workflow, or to the step" == refused.value.fix
    assert ([], []) == (recorder.sent, chatting.list_executions())


async def test_a_step_with_a_chat_of_its_own_needs_none_of_the_run(
    chatting: MultiStepProcessor, recorder: Recorder
) -> None:
    """Only where no chat is named at all is there something missing."""
    await send(chatting, {"text": "hi", "chat_id": 7}, chat_id=None)

    assert [(7, "hi")] == recorder.sent


async def test_a_chat_that_turns_out_to_be_none_fails_the_step(chatting: MultiStepProcessor) -> None:
    """A placeholder may bring null; then there is no chat, and the next attempt will find none either."""
    workflow_id = one_step(chatting, "send_message", params={"text": "hi", "chat_id": "{context.chat}"}, retry_count=3)
    ended = await chatting.wait(await chatting.execute_workflow(workflow_id, {"chat": None}), HANG_S)

    assert ("failed", 1) == (ended.status, ended.steps["Only"].attempts)
    assert "there is no chat" in (ended.error or "")


@pytest.mark.parametrize(("chat_id", "printed"), [(9, "[chat 9] Hello Ana!\n"), (None, "Hello Ana!\n")])
async def test_the_console_prints_messages(
    processor: MultiStepProcessor, capsys: pytest.CaptureFixture[str], chat_id: int | None, printed: str
) -> None:
    """Without a messenger the console is one, and needs no chat."""
    ended = await send(processor, {"text": "Hello {context.name}!"}, chat_id=chat_id)

    assert printed == capsys.readouterr().out
    assert {"chat_id": chat_id, "message_ids": [None]} == data(ended)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({}, "param 'text' is missing"),
        ({"text": ""}, "the message is empty"),
        ({"text": "hi", "chat_id": [1]}, "Expected `int | str | null`, got `array`"),
        ({"txt": "hi"}, "Did you mean 'text'?"),
    ],
)
async def test_wrong_params_are_refused_before_anything_runs(
    chatting: MultiStepProcessor, params: dict[str, Any], text: str
) -> None:
    """What can be known without running is said by the check."""
    with pytest.raises(ValidationError) as refused:
        await send(chatting, params)

    assert "invalid_params" == refused.value.code
    assert text in str(refused.value)
