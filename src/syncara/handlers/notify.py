"""Notifications through Apprise, which knows how to reach the services that people watch."""

from __future__ import annotations

import asyncio
import re
import warnings
from collections import OrderedDict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from syncara.core.errors import Problem, SyncaraError, ValidationError, nearest
from syncara.handlers.failures import FinalError

if TYPE_CHECKING:
    from apprise import Apprise

KEYS_KEPT_MAX = 1_000
"""Notifications of which it is remembered whom they have reached."""
_NETWORK = """
    bluesky brevo dingtalk discord feishu form forms gchat gotify gotifys hassio hassios ifttt json jsons lark line
    mailersend mailgun mailto mailtos mastodon mastodons matrix matrixs mmost mmosts ntfy ntfys opsgenie pagerduty pbul
    postmark pover prowl resend rocket rockets sendgrid ses signal signals slack sns splunk telnyx tgram threema twilio
    twist victorops vonage webex wecombot whatsapp workflow workflows wxteams xml xmls zulip
"""
SCHEMES = frozenset(_NETWORK.split())
"""Services on the network. What Apprise has for the desktop, for local programs and for devices stays out."""

_TYPES = {"info": "info", "success": "success", "warning": "warning", "error": "failure"}


class AppriseNotifier:
    """The Notifier of abc.py that delivers to every one of `urls`, such as `ntfy://topic`; text is split at commas.

    A notification that one of them does not take is an error, and its repeat goes to the others no more, as long as
    this process lives. Raises ValidationError for URLs that cannot be used, and when Apprise is not installed.
    """

    def __init__(self, urls: str | Iterable[str]) -> None:
        self._services = _services(_split(urls) if isinstance(urls, str) else list(urls))
        self._reached: OrderedDict[str, set[str]] = OrderedDict()

    async def notify(self, message: str, type: str, *, idempotency_key: str) -> None:
        """Raises SyncaraError `not_delivered`, which may be tried again."""
        if not message.strip():
            raise FinalError("empty_message", "the notification says nothing", "'message'", "write some text")
        reached = self._reached.setdefault(idempotency_key, set())
        if len(self._reached) > KEYS_KEPT_MAX:
            self._reached.popitem(last=False)
        await asyncio.to_thread(self._deliver, message, _TYPES[type], reached)
        missed = [name for name in self._services if name not in reached]
        if missed:
            text = f"{len(missed)} of {len(self._services)} services did not take the notification: {', '.join(missed)}"
            raise SyncaraError("not_delivered", text, fix="the logger 'apprise' says why; check the URLs")

    def _deliver(self, message: str, type: Any, reached: set[str]) -> None:
        for name, service in self._services.items():
            if name not in reached and service.notify(body=message, notify_type=type, body_format="text"):
                reached.add(name)


def _split(urls: str) -> list[str]:
    """The URLs of a text, in which a comma may also be a part of one."""
    return [url for url in re.split(r"[,\s]+(?=\w+://)", urls.strip()) if url]


def _services(urls: list[str]) -> dict[str, Apprise]:
    """A deliverer for each URL, under a name that gives no secret away."""
    try:
        from apprise import Apprise  # noqa: PLC0415 - needs an extra
    except ImportError as error:
        message, fix = "notifications to URLs need the package apprise", "pip install 'syncara[notify]'"
        raise ValidationError([Problem("missing_extra", "notify", message, fix)]) from error
    services: dict[str, Apprise] = {}
    problems = (
        [] if urls else [Problem("bad_url", "notify", "there is no URL to deliver to", "name one", "ntfy://topic")]
    )
    for number, url in enumerate(urls, 1):
        scheme, separator, _ = url.partition("://")
        service = services[f"{scheme} (URL {number})"] = Apprise()
        if fault := _fault(scheme.lower() if separator else "", service, url):
            fix = nearest(scheme, SCHEMES) or "see Apprise's pages, and SCHEMES in syncara.handlers.notify"
            problems.append(Problem("bad_url", f"notify, URL {number}", fault, fix))
    if problems:
        raise ValidationError(problems)
    return services


def _fault(scheme: str, service: Apprise, url: str) -> str:
    """Add the URL to the service, or say what is wrong with it. A URL may hold a secret anywhere behind its scheme."""
    if not scheme:
        return "the URL does not begin with a service and ://"
    if scheme not in SCHEMES:
        return f"'{scheme:.20}' is not a service to use"
    with warnings.catch_warnings():  # the first call loads every service, and one of them what Python has deprecated
        warnings.simplefilter("ignore", DeprecationWarning)
        return "" if service.add(url) else f"Apprise cannot read this as a URL of '{scheme}'"
