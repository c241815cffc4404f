"""What the API is built from. Made in `workers/wiring.py`, kept under one key of the application."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from aiohttp import web
from temporalio.client import Client

from activities.intake import Intake
from activities.links import Links
from activities.page_access import PageAccess
from activities.page_desk import PageDesk
from activities.page_words import PageSpeaker
from activities.sources.contract import Speaker
from activities.store.store import Store
from activities.tally import Tally
from api.limits import Limits
from api.pay.guard import Guard
from api.wake import RelayWaker


@dataclass(frozen=True)
class PageParts:
    """What the customer's page needs besides. `keys`: of RECOUP_LINK_KEYS, the newest first. `framed_by`: origins whose
    pages may show it inside of theirs."""

    desk: PageDesk
    access: PageAccess
    speaker: PageSpeaker
    guard: Guard
    keys: tuple[str, ...]
    framed_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class ApiParts:
    """`webhook_secrets` by "source/account", newest first; `tokens` maps a bearer token to the actor it stands for.
    `body_seconds`: who takes longer to send a body is told to try again; nothing waits for it. `links`: reads the
    tokens in addresses that customers were given. `vapid_public_key`: what browsers need to be sent push messages.
    `public_url`: how the API is reached from outside. `gallery`: the page of all messages in a language.
    `feed_origins`: whose pages may read feeds, such as https://app.example.com. `page`: None where no key is set up to
    sign links with, so that nobody is led to the customer's page."""

    store: Store
    temporal: Client
    speakers: Mapping[str, Speaker]
    webhook_secrets: Mapping[str, Sequence[str]]
    tokens: Mapping[str, str]
    waker: RelayWaker
    intake: Intake
    tally: Tally
    limits: Limits = field(default_factory=Limits)
    max_body_bytes: int = field(default=1_000_000)
    body_seconds: float = field(default=20.0)
    links: Links | None = field(default=None)
    vapid_public_key: str | None = field(default=None)
    public_url: str = field(default="http://127.0.0.1:8080")
    gallery: Callable[[str], str] | None = field(default=None)
    feed_origins: tuple[str, ...] = field(default=())
    page: PageParts | None = field(default=None)


PARTS = web.AppKey("parts", ApiParts)
ACTOR = web.RequestKey("actor", str)
