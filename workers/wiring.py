"""Builds everything the processes run on, once, from the settings. A new provider is a line in one of the tables."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

import aiohttp

from activities.access.sandbox import SandboxAccess
from activities.adapters import Adapters
from activities.channels.render import SHIPPED, Renderer
from activities.channels.sendgrid_events import SendGridSpeaker
from activities.channels.twilio_events import TwilioSpeaker
from activities.fraud.sandbox import SandboxFraudCheck
from activities.intake import Intake
from activities.routes import Routes
from activities.sandbox_client import SandboxClient
from activities.sources.adyen import AdyenSpeaker
from activities.sources.braintree import BraintreeSpeaker
from activities.sources.chargebee import ChargebeeSpeaker
from activities.sources.contract import Speaker
from activities.sources.generic import GenericSpeaker
from activities.sources.gocardless import GoCardlessSpeaker
from activities.sources.killbill import KillBillSpeaker
from activities.sources.paddle import PaddleSpeaker
from activities.sources.paypal import PayPalSpeaker
from activities.sources.paypal_proof import PayPalProver
from activities.sources.paypal_signature import Certificates
from activities.sources.recurly import RecurlySpeaker
from activities.sources.stripe import StripeSpeaker
from activities.store.database import make_pool
from activities.store.store import Store
from activities.tally import Tally
from policies.document import PolicyDocument
from policies.intake.load import load_profiles
from policies.intake.profile import Profiles
from policies.load import load_policies
from workers.channels import make_channels
from workers.gateways import make_gateway, make_merchant_owner
from workers.mappings import mapped_speakers
from workers.settings import Settings

SHIPPED_POLICIES = tuple(
    f"{name}.yaml"
    for name in ("enterprise", "premium", "b2b_invoice", "annual", "bank_debit", "low_value", "self_serve")
)

CERTIFICATES = Certificates()
"""PayPal's, that this process has fetched: who proves a delivery fetches, and then the API can check by itself."""

SPEAKERS: dict[str, Speaker] = {
    speaker.name: speaker
    for speaker in (
        StripeSpeaker(),
        AdyenSpeaker(),
        BraintreeSpeaker(),
        PayPalSpeaker(CERTIFICATES),
        GoCardlessSpeaker(),
        ChargebeeSpeaker(),
        RecurlySpeaker(),
        PaddleSpeaker(),
        KillBillSpeaker(),
        GenericSpeaker(),
    )
}


@dataclass(frozen=True)
class Wiring:
    store: Store
    adapters: Adapters
    speakers: Mapping[str, Speaker]
    tally: Tally
    intake: Intake
    renderer: Renderer


@asynccontextmanager
async def wired(settings: Settings) -> AsyncIterator[Wiring]:
    """Connects to nothing yet; what is down is noticed when it is used."""
    profiles = read_profiles(settings.intake_profiles)
    pool = await make_pool(settings.database_url.get_secret_value(), settings.database_pool)
    async with aiohttp.ClientSession() as session:
        try:
            store, tally = Store(pool, settings.address_key.get_secret_value()), Tally()
            speakers = speakers_of(settings)
            intake = Intake(store, speakers, tally, profiles, settings.stakes())
            writing = asyncio.create_task(tally.keep_writing(store.sources), name="figures of the sources")
            adapters = make_adapters(settings, session, store)
            try:
                yield Wiring(store, adapters, speakers, tally, intake, make_renderer(settings))
            finally:
                adapters.close()
            writing.cancel()
        finally:
            await pool.close()


def make_adapters(settings: Settings, session: aiohttp.ClientSession, store: Store | None = None) -> Adapters:
    """Without a store, what keeps something of its own (feed, devices) carries nothing."""
    sandbox = SandboxClient(session, settings.sandbox_url, settings.outside_timeout_seconds)
    accounts = settings.gateway_accounts()
    built = {name: make_gateway(name, account, session, sandbox) for name, account in accounts.items()}
    owners = {name: one.owner for name, one in built.items() if one.owner}
    owners |= {name: make_merchant_owner(merchant, session) for name, merchant in settings.merchant_owners.items()}
    channels = make_channels(settings, session, sandbox, store)
    return Adapters(
        routes=replace(
            routes_of(settings),
            payment_types={name: one.gateway.capabilities.payment_types for name, one in built.items()},
        ),
        owners=owners,
        gateways={name: one.gateway for name, one in built.items()},
        channels=channels.adapters,
        fraud=SandboxFraudCheck(sandbox),
        access=SandboxAccess(sandbox),
        provers={"paypal": PayPalProver(session, CERTIFICATES, ipn_address=settings.paypal_ipn_address)},
        closing=(*(one.close for one in built.values()), *channels.closing),
    )


def make_renderer(settings: Settings) -> Renderer:
    """Raises TemplatesBroken when a shipped or an own template cannot be used."""
    return Renderer(settings.merchant, (SHIPPED, *settings.templates))


def routes_of(settings: Settings) -> Routes:
    return Routes(
        gateways=frozenset(settings.gateway_accounts()),
        owners=settings.owners,
        collectors={place: tuple(names) for place, names in settings.routes.items()},
        coexistence=settings.coexistence,
    )


def speakers_of(settings: Settings) -> dict[str, Speaker]:
    """Those who tell of payments, those who carry our messages, and the mapped ones. Raises MappingError with file,
    line and what to do, or OSError."""
    carriers: dict[str, Speaker] = {
        "sendgrid": SendGridSpeaker(),
        "twilio": TwilioSpeaker(settings.merchant.name, settings.merchant.support_email),
    }
    ours = {**SPEAKERS, **carriers}
    return {**ours, **mapped_speakers(settings.mappings, ours)}


def read_policies(paths: list[Path]) -> tuple[PolicyDocument, ...]:
    """The documents named, else the shipped ones. Raises PolicyError with file, line and what to do."""
    if paths:
        return load_policies([(str(path), path.read_bytes()) for path in paths])
    shipped = resources.files("policies") / "documents"
    return load_policies([(name, (shipped / name).read_bytes()) for name in SHIPPED_POLICIES])


def read_profiles(path: Path | None) -> Profiles:
    """Those of the file; without one, the default profile holds everywhere. Raises ProfilesError with file, line and
    what to do."""
    return load_profiles(path.read_bytes(), str(path)) if path else Profiles()
