"""Settings by environment, `RECOUP_...`; `recoup doctor` shows what they lead to. Defaults work with `recoup up`.

Secrets come from the environment or from files (`RECOUP_SECRETS_DIR`), never from the command line.
"""

import os
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from activities.channels.accounts import Providers
from activities.channels.render import Merchant
from activities.gateways.accounts import GatewayAccount, GatewayAccounts, MerchantAccount, SandboxAccount
from activities.links import Links
from policies.intake.impact import Stakes
from policies.money import Currency
from policies.surroundings import Coexistence
from workflows.contracts import TASK_QUEUE

SANDBOX = "sandbox"

Origin = Annotated[str, StringConstraints(pattern=r"^https?://[A-Za-z0-9.\-]+(:[0-9]{1,5})?$")]
"""Scheme and host, without a path."""


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="RECOUP_",
        env_nested_delimiter="__",
        extra="ignore",
        secrets_dir=os.environ.get("RECOUP_SECRETS_DIR"),
    )

    database_url: SecretStr = SecretStr("postgresql://recoup@127.0.0.1:5432/recoup")
    # One connection is the relay's ear, so a single one would leave none to work with.
    database_pool: Annotated[int, Field(ge=2, le=200)] = 10

    temporal_address: str = "127.0.0.1:7233"
    temporal_namespace: str = "default"
    temporal_api_key: SecretStr | None = None
    temporal_tls: bool = False
    task_queue: Annotated[str, Field(min_length=1)] = TASK_QUEUE
    # Closed cases stay visible in the Temporal UI this long; what must last is in PostgreSQL.
    temporal_retention_days: Annotated[int, Field(ge=1, le=3650)] = 90

    api_host: str = "127.0.0.1"
    api_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    # actor -> bearer token, such as {"alice": "..."}; empty: nobody but webhooks and health gets in.
    api_tokens: dict[str, SecretStr] = {}
    max_body_bytes: Annotated[int, Field(ge=1000)] = 1_000_000

    # "source/account" -> secrets, newest first (rotation: add the new one in front, drop the old one later).
    webhook_secrets: dict[str, list[SecretStr]] = {}
    # "source/account", * for anything -> deliveries a second per process, and networks they may come from.
    webhook_rates: dict[str, Annotated[float, Field(gt=0)]] = {}
    webhook_networks: dict[str, list[IPv4Network | IPv6Network]] = {}
    # Load balancers whose X-Forwarded-For is believed.
    trusted_proxies: list[IPv4Network | IPv6Network] = []
    # Bodies of events are dropped by the month when they are older; what became of an event is kept for ever.
    inbox_retention_days: Annotated[int, Field(ge=31, le=36500)] = 400
    # "gateway/account" -> what its adapter needs; docs/gateways has a page for each.
    gateways: GatewayAccounts = {}
    # A name such as "merchant/default" -> a billing system of your own that owns invoices (docs/sources/merchant.md).
    merchant_owners: dict[str, MerchantAccount] = {}
    # "source/account", "source/*" or "*/*" -> who owns the invoices: a gateway account, a merchant owner, the sandbox.
    # A gateway account owns those of the source and account of its own name.
    owners: dict[str, str] = {"*/*": "sandbox"}
    # The same places -> the gateway accounts that collect, first choice first; left out, the owner.
    routes: dict[str, list[str]] = {}
    # The same places -> how we live with the retries that the source makes itself; left out: replace.
    coexistence: dict[str, Coexistence] = {}
    # Left out: the shipped ones, in this order; first match wins, the last is the default.
    policies: list[Path] = []
    # Files that say how sources without code of ours are read (docs/sources/mapping.md).
    mappings: list[Path] = []
    # Which checks refuse, quarantine or warn, by source and account; left out: the default profile.
    intake_profiles: Path | None = None
    merchant: Merchant = Merchant(
        name="Example Ltd", support_email="support@example.com", billing_url="https://example.com/billing/{invoice_id}"
    )

    # channel -> {"provider": ..., what it needs}; docs/channels has a page for each. Left out: the sandbox's outbox.
    channels: Providers = Providers()
    # Templates and translations of your own, laid over the shipped ones.
    templates: list[Path] = []
    # Where customers and providers reach the API from outside.
    public_url: str = "http://127.0.0.1:8080"
    # What links in messages are signed with, newest first; without any, messages carry no link to the preferences.
    link_keys: list[SecretStr] = []
    # Of the hashes that stand for addresses of people whose data was erased; with a new one, old stops are not found.
    address_key: SecretStr = SecretStr("")
    # Origins of the merchant's own pages that may read the in-app feed and the summary of what is owed.
    feed_origins: list[str] = []
    # Origins whose pages may show the customer's page inside of theirs, such as https://app.example.com.
    frame_ancestors: list[Origin] = []

    sandbox_url: str = "http://127.0.0.1:8090"
    # Where browsers reach the sandbox's hosted fields; left out: the same.
    sandbox_public_url: str | None = None
    sandbox_host: str = "127.0.0.1"
    sandbox_port: Annotated[int, Field(ge=0, le=65535)] = 8090
    sandbox_database_url: SecretStr | None = None
    sandbox_outbox: Path | None = None
    sandbox_webhook_url: str | None = None
    outside_timeout_seconds: Annotated[float, Field(gt=0, le=55)] = 20

    # Where PayPal is asked whether an IPN message is its own; its sandbox has another one.
    paypal_ipn_address: str = "https://ipnpb.paypal.com/cgi-bin/webscr"

    relay_batch: Annotated[int, Field(ge=1, le=1000)] = 100
    # Cases kept in a worker's memory, some 70 kB each; the others are replayed when something happens to them.
    max_cached_workflows: Annotated[int, Field(ge=0)] = 1000
    max_concurrent_activities: Annotated[int, Field(ge=1)] = 100

    # What dead letters weigh: sums in one currency, and how much more some segments count.
    base_currency: Currency = "EUR"
    exchange_rates: dict[Currency, Annotated[Decimal, Field(gt=0)]] = {}
    segment_weights: dict[str, Annotated[float, Field(gt=0)]] = {"enterprise": 5, "premium": 2}
    unknown_stake_minor: Annotated[int, Field(ge=0)] = 10_000

    otlp_endpoint: str | None = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @field_validator("api_tokens")
    @classmethod
    def _tokens_are_long_and_tell_people_apart(cls, tokens: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for actor, token in tokens.items():
            if len(token.get_secret_value()) < 16:
                raise ValueError(
                    f"the API token of {actor!r} is shorter than 16 characters; make one with: openssl rand -hex 24"
                )
        if len({token.get_secret_value() for token in tokens.values()}) < len(tokens):
            raise ValueError("two actors have one token, so nobody could tell who acted; give each their own")
        return tokens

    @field_validator("link_keys")
    @classmethod
    def _link_keys_are_long(cls, keys: list[SecretStr]) -> list[SecretStr]:
        if any(len(key.get_secret_value()) < 32 for key in keys):
            raise ValueError("a link key is shorter than 32 characters; make one with: openssl rand -hex 32")
        return keys

    @model_validator(mode="after")
    def _names_are_known(self) -> "Settings":
        collect = {*self.gateways, SANDBOX}
        for place, owner in self.owners.items():
            _known("owners", place, owner, {*collect, *self.merchant_owners})
        for place, names in self.routes.items():
            for name in names:
                _known("routes", place, name, collect)
        return self

    def gateway_accounts(self) -> dict[str, GatewayAccount]:
        """Those that are set up, and the sandbox where something is to be collected there."""
        named = {*self.owners.values(), *(name for names in self.routes.values() for name in names)}
        sandbox: dict[str, GatewayAccount] = (
            {SANDBOX: SandboxAccount(public_url=self.sandbox_public_url)} if SANDBOX in named else {}
        )
        return {**sandbox, **self.gateways}

    def links(self) -> Links | None:
        return Links(self.public_url, [k.get_secret_value() for k in self.link_keys]) if self.link_keys else None

    def stakes(self) -> Stakes:
        return Stakes(
            base=self.base_currency,
            rates=self.exchange_rates,
            weights=self.segment_weights,
            unknown_minor=self.unknown_stake_minor,
        )

    def places_that_send(self) -> list[tuple[str, str]]:
        """(source, account) of everybody whose webhooks we can check."""
        return [(source, account) for source, _, account in (place.partition("/") for place in self.webhook_secrets)]

    def secrets_by_account(self) -> dict[str, list[str]]:
        return {place: [s.get_secret_value() for s in secrets] for place, secrets in self.webhook_secrets.items()}

    def actors_by_token(self) -> dict[str, str]:
        return {token.get_secret_value(): actor for actor, token in self.api_tokens.items()}


def _known(setting: str, place: str, name: str, names: set[str]) -> None:
    if name not in names:
        there_are = ", ".join(sorted(names))
        raise ValueError(f"{setting}: {place} names {name!r}, which is not set up; there are: {there_are}")
