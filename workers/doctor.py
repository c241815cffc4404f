"""`recoup doctor`: what is reachable, what is misconfigured, and what to do about it."""

from collections.abc import Awaitable, Callable

import aiohttp
from temporalio.client import Client
from temporalio.service import RPCError

from activities.gateways.accounts import SandboxAccount
from activities.sources.mapped.load import MappingError
from activities.store.database import DATABASE_DOWN, make_pool, pending_migrations
from policies.intake.load import ProfilesError
from policies.load import PolicyError
from workers.doctor_channels import examine_channels
from workers.doctor_gateways import examine_gateways
from workers.finding import Finding
from workers.mappings import mapped_speakers
from workers.settings import Settings
from workers.temporal import connect, missing_search_attributes, retention_of
from workers.wiring import SPEAKERS, read_policies, read_profiles, speakers_of

PATIENCE = aiohttp.ClientTimeout(total=3)


async def examine(settings: Settings) -> list[Finding]:
    checks: list[Callable[[Settings], Awaitable[list[Finding]]]] = [
        _policies,
        _profiles,
        _mappings,
        _secrets,
        _database,
        _temporal,
        _sandbox,
        examine_gateways,
        examine_channels,
    ]
    return [finding for check in checks for finding in await check(settings)]


async def _policies(settings: Settings) -> list[Finding]:
    try:
        documents = read_policies(settings.policies)
    except (PolicyError, UnicodeDecodeError, OSError) as error:
        return [Finding(what="policies", status="failed", says=str(error), way_out="mend the file named")]
    return [Finding(what="policies", status="ok", says=", ".join(d.edition for d in documents))]


async def _profiles(settings: Settings) -> list[Finding]:
    try:
        profiles = read_profiles(settings.intake_profiles).profiles
    except (ProfilesError, OSError) as error:
        way_out = "mend the file that RECOUP_INTAKE_PROFILES names"
        return [Finding(what="intake profiles", status="failed", says=str(error), way_out=way_out)]
    senders = settings.places_that_send()
    if idle := [each for each in profiles if not any(each.is_for(*sender) for sender in senders)]:
        says = f"for accounts that cannot send: {', '.join(place for each in idle for place in each.accounts)}"
        way_out = "mend their accounts, or give those accounts a secret in RECOUP_WEBHOOK_SECRETS"
        return [Finding(what="intake profiles", status="warning", says=says, way_out=way_out)]
    counted = f"{len(profiles)} of {settings.intake_profiles}" if profiles else "the default one, which refuses nothing"
    return [Finding(what="intake profiles", status="ok", says=counted)]


async def _mappings(settings: Settings) -> list[Finding]:
    try:
        mapped = mapped_speakers(settings.mappings, SPEAKERS)
    except (MappingError, OSError) as error:
        way_out = "mend the file named; `recoup intake lint FILE` says when it is right"
        return [Finding(what="mappings", status="failed", says=str(error), way_out=way_out)]
    senders = {source for source, _ in settings.places_that_send()}
    if silent := sorted(set(mapped) - senders):
        way_out = "give them a secret in RECOUP_WEBHOOK_SECRETS, or take them out of RECOUP_MAPPINGS"
        return [Finding(what="mappings", status="warning", says=f"cannot send: {', '.join(silent)}", way_out=way_out)]
    editions = ", ".join(speaker.document.edition for speaker in mapped.values())
    return [Finding(what="mappings", status="ok", says=editions)] if mapped else []


async def _secrets(settings: Settings) -> list[Finding]:
    found = []
    if not settings.webhook_secrets:
        way_out = 'set RECOUP_WEBHOOK_SECRETS, such as {"stripe/default": ["whsec_..."]}'
        found.append(Finding(what="webhooks", status="warning", says="no source can send", way_out=way_out))
    if not settings.api_tokens:
        way_out = 'set RECOUP_API_TOKENS, such as {"alice": "<24 random bytes in hex>"}'
        found.append(Finding(what="api tokens", status="warning", says="nobody can call the API", way_out=way_out))
    found += _odd_secrets(settings)
    accounts = ", ".join(sorted(settings.webhook_secrets))
    return found or [Finding(what="secrets", status="ok", says=f"webhooks for {accounts}")]


def _odd_secrets(settings: Settings) -> list[Finding]:
    """Places that nobody can send to, and secrets that cannot be what they should be; never the secret itself."""
    try:
        speakers = speakers_of(settings)
    except (MappingError, OSError):
        speakers = SPEAKERS
    found, way_out = [], "mend RECOUP_WEBHOOK_SECRETS; docs/sources/ has a page for each source"
    for place, secrets in sorted(settings.secrets_by_account().items()):
        speaker = speakers.get(place.partition("/")[0])
        if speaker is None:
            says = f"{place}: there is no such source; there are: {', '.join(sorted(speakers))}"
            found.append(Finding(what="webhooks", status="warning", says=says, way_out=way_out))
            continue
        for number, secret in enumerate(secrets, start=1):
            if complaint := speaker.complaint_about(secret):
                says = f"{place}: secret {number}: {complaint}"
                found.append(Finding(what="webhooks", status="warning", says=says, way_out=way_out))
    return found


async def _database(settings: Settings) -> list[Finding]:
    pool = await make_pool(settings.database_url.get_secret_value(), 1)
    try:
        version = await pool.fetchval("show server_version_num")
        missing = await pending_migrations(pool)
    except DATABASE_DOWN as error:
        way_out = "start PostgreSQL or mend RECOUP_DATABASE_URL"
        return [Finding(what="database", status="failed", says=f"no answer: {type(error).__name__}", way_out=way_out)]
    except Exception as error:
        way_out = "mend user, password or database in RECOUP_DATABASE_URL"
        return [Finding(what="database", status="failed", says=str(error), way_out=way_out)]
    finally:
        await pool.close()
    if int(version) < 150000:
        way_out = "PostgreSQL 15 or newer is needed"
        return [Finding(what="database", status="failed", says=f"server version {version}", way_out=way_out)]
    if missing:
        way_out = "start `recoup worker` or `recoup api` once: they apply what is missing"
        return [Finding(what="database", status="warning", says=f"not applied: {', '.join(missing)}", way_out=way_out)]
    return [Finding(what="database", status="ok", says=f"PostgreSQL {int(version) // 10000}, schema is current")]


async def _temporal(settings: Settings) -> list[Finding]:
    try:
        client = await connect(settings)
        return [Finding(what="temporal", status="ok", says=settings.temporal_address), *await _namespace(client)]
    except (RuntimeError, ValueError, RPCError) as error:
        says = f"{settings.temporal_address}: {str(error)[:120]}"
        way_out = "start Temporal or mend RECOUP_TEMPORAL_ADDRESS and RECOUP_TEMPORAL_NAMESPACE"
        return [Finding(what="temporal", status="failed", says=says, way_out=way_out)]


async def _namespace(client: Client) -> list[Finding]:
    missing, kept = await missing_search_attributes(client), await retention_of(client)
    if missing:
        way_out = "start `recoup worker` once, or ask who administers Temporal to add them"
        return [Finding(what="search attributes", status="warning", says=", ".join(missing), way_out=way_out)]
    return [Finding(what="namespace", status="ok", says=f"search attributes are there, retention {kept.days} days")]


async def _sandbox(settings: Settings) -> list[Finding]:
    """Access and the fraud check are the sandbox's in this version, whoever collects and writes."""
    try:
        async with aiohttp.ClientSession(timeout=PATIENCE) as session, session.get(settings.sandbox_url) as response:
            response.raise_for_status()
    except (aiohttp.ClientError, TimeoutError) as error:
        says, way_out = f"no answer: {type(error).__name__}", "start `recoup sandbox` or mend RECOUP_SANDBOX_URL"
        return [Finding(what="sandbox", status="failed", says=says, way_out=way_out)]
    says = "access and fraud check are the sandbox"
    if any(isinstance(account, SandboxAccount) for account in settings.gateway_accounts().values()):
        says = f"{says}, and a gateway is: no real money moves there"
    return [Finding(what="sandbox", status="ok", says=says)]
