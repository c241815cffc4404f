"""What `recoup doctor` says of how customers are written to: who carries what, and what a channel lacks."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from activities.channels.accounts import FeedProvider, PushProvider, SandboxProvider
from policies.findings import DocumentError
from workers.finding import Finding
from workers.message_tools.lint import WordsBroken, linted
from workers.settings import Settings

TELLING = frozenset({"sendgrid", "twilio"})
"""Providers that tell what became of a message, as a source of that name."""

AT_HOME = ("127.0.0.1", "localhost", "::1")


async def examine_channels(settings: Settings) -> list[Finding]:
    return [_words(settings), *_lacking(settings)]


def _words(settings: Settings) -> Finding:
    try:
        return Finding(what="words", status="ok", says=linted(settings))
    except WordsBroken as broken:
        way_out = "mend the template, translation or policy named; `recoup messages lint` says when it is right"
        return Finding(what="words", status="failed", says=str(broken), way_out=way_out)
    except (DocumentError, UnicodeDecodeError, OSError):
        says = "the wordings that policies try were not looked for: the policies cannot be read"
        return Finding(what="words", status="warning", says=says, way_out="mend the policies first")


def _lacking(settings: Settings) -> Iterator[Finding]:
    carried = {name: getattr(settings.channels, name) for name in type(settings.channels).model_fields}
    real = {name: each for name, each in carried.items() if not isinstance(each, SandboxProvider)}
    lacks = list(_lacks(settings, real)) if real else []
    for says, way_out in lacks:
        yield Finding(what="channels", status="warning", says=says, way_out=way_out)
    if not lacks:
        says = ", ".join(f"{name} by {each.provider}" for name, each in carried.items())
        yield Finding(what="channels", status="ok", says=says)


def _lacks(settings: Settings, real: dict[str, Any]) -> Iterator[tuple[str, str]]:
    telling = {source for source, _ in settings.places_that_send()}
    for provider in real.values():
        source = provider.provider
        if source in TELLING and source not in telling:
            way_out = f'give it a secret in RECOUP_WEBHOOK_SECRETS, such as {{"{source}/default": ["..."]}}'
            yield f"nobody can tell what becomes of a message: {source} has no secret", way_out
    if not settings.link_keys:
        way_out = "set RECOUP_LINK_KEYS; make a key with: openssl rand -hex 32"
        yield "mails carry no link to the preferences", way_out
        if any(isinstance(each, FeedProvider | PushProvider) for each in real.values()):
            yield "no browser can read the feed or register for push", way_out
    if urlsplit(settings.public_url).hostname in AT_HOME:
        yield f"customers cannot reach {settings.public_url}", "set RECOUP_PUBLIC_URL to the address outside"
    if not settings.address_key.get_secret_value():
        way_out = "set RECOUP_ADDRESS_KEY before the first message, and never change it"
        yield "addresses are hashed without a key, so that they could be guessed", way_out
