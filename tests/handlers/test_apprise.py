"""Notifications through Apprise, delivered to a real HTTP server."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from apprise.manager_plugins import NotificationManager

from syncara import MultiStepProcessor
from syncara.core.errors import NonRetryableError, SyncaraError, ValidationError
from syncara.handlers.notify import SCHEMES, AppriseNotifier
from tests.handlers.server import Server, answer, serving
from tests.handlers.support import failed, run


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving() as running:
        running.on("/", answer())
        yield running


def url(server: Server, path: str = "/") -> str:
    """Apprise's spelling of: post JSON there."""
    return server.url(path).replace("http://", "json://")


def said(server: Server) -> list[tuple[str, str]]:
    """Type and text of each notification that arrived."""
    bodies = [json.loads(seen.body) for seen in server.seen]
    return [(body["type"], body["message"]) for body in bodies]


@pytest.mark.parametrize(
    ("type", "expected"), [("info", "info"), ("success", "success"), ("warning", "warning"), ("error", "failure")]
)
async def test_a_notification_arrives_with_its_type(server: Server, type: str, expected: str) -> None:
    """Apprise calls an error a failure; the text is not interpreted."""
    await AppriseNotifier([url(server)]).notify(r"*Disk* <full> \n 90 %, ä", type, idempotency_key="k")

    assert [(expected, r"*Disk* <full> \n 90 %, ä")] == said(server)


async def test_text_stays_text_for_a_service_that_shows_html(server: Server) -> None:
    """What looks like a tag is not one."""
    await AppriseNotifier(url(server, "/?format=html")).notify("<b>90 %", "info", idempotency_key="k")

    assert [("info", "&lt;b&gt;90&nbsp;%")] == said(server)


async def test_a_repeat_goes_only_to_those_that_were_not_reached(server: Server) -> None:
    """What one service has taken is not sent to it again because another one was away."""
    server.on("/away", answer(b"", 503), answer())
    server.on("/here", answer())
    notifier = AppriseNotifier([url(server, "/away"), url(server, "/here")])

    with pytest.raises(SyncaraError, match=r"not_delivered: 1 of 2 services .*: json \(URL 1\)") as caught:
        await notifier.notify("Hello", "info", idempotency_key="k")
    assert not isinstance(caught.value, NonRetryableError)
    await notifier.notify("Hello", "info", idempotency_key="k")
    await notifier.notify("Hello", "info", idempotency_key="k")
    assert ["/away", "/here", "/away"] == [seen.target for seen in server.seen]

    await notifier.notify("Hello", "info", idempotency_key="other")
    assert ["/away", "/here"] == [seen.target for seen in server.seen][3:]


async def test_what_was_reached_is_forgotten_in_the_end(server: Server) -> None:
    """Memory is bounded: a thousand notifications later the first one's key is new again."""
    notifier = AppriseNotifier(url(server))

    for number in range(1_001):
        await notifier.notify("Hello", "info", idempotency_key=str(number))
    await notifier.notify("Hello", "info", idempotency_key="1")
    assert 1_001 == len(server.seen)
    await notifier.notify("Hello", "info", idempotency_key="0")
    assert 1_002 == len(server.seen)


async def test_urls_may_come_as_one_text(server: Server) -> None:
    """As in an environment variable; a comma inside a URL is not where it ends."""
    notifier = AppriseNotifier(f"{url(server, '/a')}, {url(server, '/b?to=x,y')},{url(server, '/c')}\n")
    for path in ("/a", "/b", "/c"):
        server.on(path, answer())

    await notifier.notify("Hello", "info", idempotency_key="k")

    assert ["/a", "/b", "/c"] == [seen.target.partition("?")[0] for seen in server.seen]


async def test_a_dead_endpoint_is_tried_again_and_fails_the_step(tmp_path: Path, server: Server) -> None:
    """A service that does not answer is a failed attempt, and the run goes by the step's retries."""
    server.on("/", answer(b"", 500))
    async with MultiStepProcessor(tmp_path / "x.db", notifier=AppriseNotifier(url(server))) as processor:
        ended = await run(processor, "notification", {"message": "Hello {context.name}"}, {"name": "Ani"})

    code, attempts, error = failed(ended)
    assert ("not_delivered", 2) == (code, attempts)
    assert "the logger 'apprise' says why" in error
    assert [("info", "Hello Ani")] * 2 == said(server)


async def test_an_empty_notification_is_not_tried_again(server: Server) -> None:
    """Services drop it, so it is the step that is wrong."""
    with pytest.raises(NonRetryableError, match="empty_message"):
        await AppriseNotifier(url(server)).notify(" \n", "info", idempotency_key="k")

    assert [] == server.seen


@pytest.mark.parametrize(
    ("urls", "text"),
    [
        (["dbus://"], "'dbus' is not a service to use"),
        (["windows://"], "'windows' is not a service to use"),
        (["macosx://"], "'macosx' is not a service to use"),
        (["syslog://"], "'syslog' is not a service to use"),
        (["blink1://"], "'blink1' is not a service to use"),
        (["file:///etc/apprise.yml"], "'file' is not a service to use"),
        (["slak://a/b/c"], "Did you mean 'slack'?"),
        (["json"], "the URL does not begin with a service and ://"),
        (["tgram://bad"], "Apprise cannot read this as a URL of 'tgram'"),
        ([], "there is no URL to deliver to"),
        (" ", "there is no URL to deliver to"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_at_once(urls: Any, text: str) -> None:
    """Services of the desktop, local programs and files are out; a mistake shows before the first notification."""
    with pytest.raises(ValidationError, match="bad_url") as refused:
        AppriseNotifier(urls)

    assert text in str(refused.value)


def test_every_wrong_url_is_named_by_its_place_and_no_secret_is_told() -> None:
    """A URL holds the keys to its service, so that no message repeats it."""
    with pytest.raises(ValidationError) as refused:
        AppriseNotifier(["json://localhost", "slack://secret", "dbus://secret", "secret"])

    assert ["notify, URL 2", "notify, URL 3", "notify, URL 4"] == [problem.where for problem in refused.value.problems]
    assert "secret" not in str(refused.value)


def test_every_service_that_is_let_in_exists() -> None:
    """The list is of names that Apprise knows."""
    AppriseNotifier("json://localhost")  # has Apprise load its services
    manager: Any = NotificationManager

    assert set() == SCHEMES - set(manager().schemas())


def test_without_apprise_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what to install."""
    monkeypatch.setitem(sys.modules, "apprise", None)

    with pytest.raises(ValidationError, match=r"missing_extra.*pip install 'syncara\[notify\]'"):
        AppriseNotifier(["json://localhost"])
