"""Builds the channel adapters that are set up. A new provider is a case here and a model in `channels/accounts.py`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, assert_never

import aiohttp

from activities.channels.accounts import (
    FeedProvider,
    PushProvider,
    SandboxProvider,
    SendGridProvider,
    SmtpProvider,
    TwilioProvider,
    WebhookProvider,
)
from activities.channels.contract import Channel
from activities.channels.sandbox import SandboxChannel
from activities.sandbox_client import SandboxClient
from activities.store.store import Store
from workers.settings import Settings

ChannelName = Literal["email", "sms", "push", "in_app", "webhook"]
AnyProvider = (
    SandboxProvider | SendGridProvider | SmtpProvider | TwilioProvider | PushProvider | FeedProvider | WebhookProvider
)


@dataclass(frozen=True)
class BuiltChannels:
    """`closing`: what gives back the threads that vendors' clients hold."""

    adapters: Mapping[str, Channel]
    closing: tuple[Callable[[], None], ...]


def make_channels(
    settings: Settings, session: aiohttp.ClientSession, sandbox: SandboxClient, store: Store | None
) -> BuiltChannels:
    providers = settings.channels
    named: dict[ChannelName, AnyProvider] = {
        "email": providers.email,
        "sms": providers.sms,
        "push": providers.push,
        "in_app": providers.in_app,
        "webhook": providers.webhook,
    }
    asked = {name: _built(name, provider, settings, session, sandbox, store) for name, provider in named.items()}
    built: dict[str, Channel] = {name: channel for name, channel in asked.items() if channel}
    closing = tuple(close for close in (getattr(one, "close", None) for one in built.values()) if close)
    return BuiltChannels(adapters=built, closing=closing)


def _built(
    name: ChannelName,
    provider: AnyProvider,
    settings: Settings,
    session: aiohttp.ClientSession,
    sandbox: SandboxClient,
    store: Store | None,
) -> Channel | None:
    """Imports a vendor's client only where it is used: they take long."""
    match provider:
        case SandboxProvider():
            return SandboxChannel(name, sandbox)
        case SendGridProvider():
            from activities.channels.sendgrid import SendGridChannel

            return SendGridChannel(provider, settings.merchant.name)
        case SmtpProvider():
            from activities.channels.smtp import SmtpChannel

            return SmtpChannel(provider, settings.merchant.name)
        case TwilioProvider():
            from activities.channels.twilio import TwilioChannel

            return TwilioChannel(provider, _status_callback(settings))
        case PushProvider():
            from activities.channels.push import PushChannel

            return PushChannel(provider, store.push_devices, session) if store else None
        case FeedProvider():
            from activities.channels.feed import FeedChannel

            return FeedChannel(store.feed) if store else None
        case WebhookProvider():
            from activities.channels.webhook import WebhookChannel

            return WebhookChannel(provider, session)
        case _:
            assert_never(provider)


def _status_callback(settings: Settings) -> str | None:
    """Twilio tells what became of a message where it can be checked: at the account that has a secret."""
    account = next((account for source, account in settings.places_that_send() if source == "twilio"), None)
    return f"{settings.public_url.rstrip('/')}/webhooks/twilio/{account}" if account else None
