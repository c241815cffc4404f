"""`recoup doctor` on gateways: against the local servers that speak the vendors' protocols, and against none."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from activities.adapters import Adapters
from tests.activities.gateways.adyen_server import API_KEY, MERCHANT, AdyenServer, running_adyen
from tests.activities.gateways.braintree_server import MERCHANT as BRAINTREE
from tests.activities.gateways.braintree_server import PRIVATE, PUBLIC, BraintreeServer
from tests.activities.gateways.gocardless_server import TOKEN as GOCARDLESS
from tests.activities.gateways.gocardless_server import running_gocardless
from tests.activities.gateways.paypal_server import CLIENT_ID, CLIENT_SECRET, PayPalWorld, paypal_server
from tests.activities.gateways.stripe_server import KEY, LocalStripe, local_stripe
from tests.activities.sources.merchant_server import TOKEN, running_merchant
from tests.fixtures.store import DEAD_ADDRESS
from tests.fixtures.troubled import Trouble, troubled
from workers.doctor_gateways import examine_gateways, examine_routes
from workers.finding import Finding
from workers.settings import Settings
from workers.wiring import make_adapters

WRONG = "sk_test_of_somebody_else"
SECRETS = (KEY, API_KEY, PRIVATE, GOCARDLESS, CLIENT_SECRET, TOKEN, WRONG)
DEAD = f"http://{DEAD_ADDRESS}"


@pytest.fixture
async def stripe() -> AsyncIterator[LocalStripe]:
    async with local_stripe() as server:
        yield server


@pytest.fixture
async def adyen() -> AsyncIterator[AdyenServer]:
    async with running_adyen() as server:
        yield server


def stripe_at(url: str, api_key: str = KEY) -> dict[str, Any]:
    return {"stripe/default": {"api_key": api_key, "base_url": url}}


def adyen_at(url: str, api_key: str = API_KEY) -> dict[str, Any]:
    return {"adyen/default": {"api_key": api_key, "merchant_account": MERCHANT, "base_url": url}}


async def found(**changes: Any) -> list[Finding]:
    findings = await examine_gateways(Settings.model_validate(changes))
    for finding in findings:
        assert bool(finding.way_out) == (finding.status != "ok"), finding
        assert not any(secret in str(finding) for secret in SECRETS)
    return findings


async def one(what: str, **changes: Any) -> Finding:
    (finding,) = [finding for finding in await found(**changes) if finding.what == what]
    return finding


async def test_without_gateways_there_is_nothing_to_say() -> None:
    assert await found() == []


async def test_gateways_that_answer_and_take_our_keys_are_well(stripe: LocalStripe, adyen: AdyenServer) -> None:
    accounts = {**stripe_at(stripe.url), **adyen_at(adyen.url)}
    findings = await found(gateways=accounts, routes={"*/*": ["stripe/default", "adyen/default"]})
    assert {(each.what, each.status) for each in findings} == {
        ("gateway stripe/default", "ok"),
        ("gateway adyen/default", "ok"),
    }


async def test_what_the_page_lacks_to_take_a_card_is_named(stripe: LocalStripe, adyen: AdyenServer) -> None:
    accounts = {**stripe_at(stripe.url), **adyen_at(adyen.url)}
    accounts["adyen/default"] |= {"update_country": "DE"}
    told = {"gateways": accounts, "link_keys": ["a link key of the tests " * 2], "owners": {"*/*": "stripe/default"}}
    lacking = [finding.way_out for finding in await found(**told) if finding.what == "page"]
    assert lacking == [
        "set publishable_key of stripe/default in RECOUP_GATEWAYS",
        "set client_key, update_currency of adyen/default in RECOUP_GATEWAYS",
    ]


async def test_nothing_is_asked_that_could_move_money(stripe: LocalStripe, adyen: AdyenServer) -> None:
    await found(gateways={**stripe_at(stripe.url), **adyen_at(adyen.url)})
    assert {method for method, *_ in stripe.asked} == {"GET"}
    assert {asked.method for asked in adyen.requests} == {"GET"}


async def test_keys_that_a_gateway_refuses_are_a_failure(stripe: LocalStripe, adyen: AdyenServer) -> None:
    for name, accounts in {"stripe": stripe_at(stripe.url, WRONG), "adyen": adyen_at(adyen.url, WRONG)}.items():
        finding = await one(f"gateway {name}/default", gateways=accounts)
        assert finding.status == "failed"
        assert "401" in finding.says
        assert "RECOUP_GATEWAYS" in finding.way_out


@pytest.mark.parametrize("trouble", [Trouble.BREAKS, Trouble.SLOW_DOWN, Trouble.CLOSES])
async def test_a_gateway_that_gives_no_answer_is_a_warning_for_it_may_be_theirs(trouble: Trouble) -> None:
    async with troubled(trouble) as url:
        for accounts in (stripe_at(url), adyen_at(url)):
            (name,) = accounts
            assert (await one(f"gateway {name}", gateways=accounts)).status == "warning"


async def test_nobody_at_the_address_is_a_warning() -> None:
    for accounts in (stripe_at(DEAD), adyen_at(DEAD)):
        (name,) = accounts
        assert (await one(f"gateway {name}", gateways=accounts)).status == "warning"


async def test_the_other_gateways_and_a_billing_system_of_our_own_are_asked_too() -> None:
    async with (
        BraintreeServer().running() as braintree,
        paypal_server(PayPalWorld()) as paypal,
        running_gocardless() as gocardless,
        running_merchant() as merchant,
    ):
        keys = {"merchant_id": BRAINTREE, "public_key": PUBLIC, "private_key": PRIVATE, "base_url": braintree.url}
        accounts = {
            "braintree/default": keys,
            "paypal/default": {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "base_url": paypal},
            "gocardless/default": {"access_token": GOCARDLESS, "base_url": gocardless.url},
        }
        owners = {"merchant/default": {"base_url": merchant.url, "token": TOKEN}}
        findings = await found(gateways=accounts, merchant_owners=owners)
        well = {each.what for each in findings if each.status == "ok"}
        assert well == {*(f"gateway {name}" for name in accounts), "owner merchant/default"}
        owners["merchant/default"]["token"] = WRONG
        assert (await one("owner merchant/default", merchant_owners=owners)).status == "failed"


async def test_an_owner_that_owns_nothing_is_a_failure_and_says_who_does(adyen: AdyenServer) -> None:
    finding = await one("owners", gateways=adyen_at(adyen.url), owners={"*/*": "adyen/default"})
    assert finding.status == "failed"
    assert finding.says.startswith("*/*: adyen/default owns no invoices")


async def test_a_place_that_sends_and_whose_invoices_nobody_owns_is_a_failure(adyen: AdyenServer) -> None:
    sends = {"adyen/default": ["00"]}
    finding = await one("owners", gateways=adyen_at(adyen.url), webhook_secrets=sends)
    assert finding.status == "failed"
    assert '"adyen/default"' in finding.way_out


async def test_what_is_set_up_and_named_nowhere_is_a_warning(adyen: AdyenServer) -> None:
    async with running_merchant() as merchant:
        owners = {"merchant/default": {"base_url": merchant.url, "token": TOKEN}}
        findings = await found(gateways=adyen_at(adyen.url), merchant_owners=owners)
    idle = [each.says.split()[0] for each in findings if each.what == "owners"]
    assert idle == ["adyen/default", "merchant/default"]
    assert {each.status for each in findings if each.what == "owners"} == {"warning"}


async def test_an_owner_that_cannot_book_what_another_gateway_takes_is_a_warning(adyen: AdyenServer) -> None:
    async with running_gocardless() as gocardless:
        accounts = {
            **adyen_at(adyen.url),
            "gocardless/default": {"access_token": GOCARDLESS, "base_url": gocardless.url},
        }
        route = {"gocardless/default": ["gocardless/default", "adyen/default"]}
        finding = await one("routes", gateways=accounts, routes=route)
    assert finding.status == "warning"
    assert "gocardless/default cannot book what adyen/default takes" in finding.says


async def test_a_gateway_that_collects_its_own_only_cannot_be_the_route_of_others() -> None:
    settings = Settings.model_validate({"gateways": stripe_at(DEAD), "routes": {"*/*": ["stripe/default"]}})
    async with aiohttp.ClientSession() as session:
        adapters = make_adapters(settings, session)
        assert examine_routes(adapters) == []
        _collects_its_own_only(adapters)
        (finding,) = examine_routes(adapters)
    assert (finding.what, finding.status) == ("routes", "failed")
    assert "stripe/default collects its own invoices only, and sandbox owns these" in finding.says


def _collects_its_own_only(adapters: Adapters) -> None:
    gateway = adapters.gateways["stripe/default"]
    gateway.capabilities = gateway.capabilities.model_copy(update={"collects_others": False})
