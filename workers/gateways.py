"""Builds the adapters of one gateway account: who moves the money there, and who owns its invoices.

Vendors' clients are imported when an account of theirs is set up, and not before: some take a third of a second.
"""

from collections.abc import Callable
from typing import NamedTuple

import aiohttp

from activities.gateways.accounts import (
    AdyenAccount,
    BraintreeAccount,
    GatewayAccount,
    GoCardlessAccount,
    MerchantAccount,
    PayPalAccount,
    SandboxAccount,
    StripeAccount,
)
from activities.gateways.contract import Gateway
from activities.sandbox_client import SandboxClient
from activities.sources.contract import Owner
from activities.threads import Threads


class Built(NamedTuple):
    """`owner` None: it owns no invoices. `close`: gives back what it holds."""

    gateway: Gateway
    owner: Owner | None
    close: Callable[[], None] = lambda: None


def make_gateway(name: str, account: GatewayAccount, session: aiohttp.ClientSession, sandbox: SandboxClient) -> Built:
    match account:
        case SandboxAccount():
            return _sandbox(name, account, sandbox)
        case StripeAccount():
            return _stripe(account, session)
        case AdyenAccount():
            return _adyen(name, account)
        case BraintreeAccount():
            return _braintree(name, account)
        case PayPalAccount():
            return _paypal(account, session)
        case GoCardlessAccount():
            return _gocardless(name, account)


def _sandbox(name: str, account: SandboxAccount, client: SandboxClient) -> Built:
    from activities.gateways.sandbox import SandboxGateway
    from activities.sources.sandbox import SandboxOwner

    gateway = SandboxGateway(client, name.partition("/")[2] or name, account.public_url)
    return Built(gateway, SandboxOwner(client))


def _braintree(name: str, account: BraintreeAccount) -> Built:
    from activities.gateways.braintree import BraintreeGateway
    from activities.sources.braintree_owner import BraintreeOwner

    threads = Threads(name)
    gateway, owner = BraintreeGateway(account, threads), BraintreeOwner(account, threads)

    def close() -> None:
        gateway.close()
        owner.close()
        threads.close()

    return Built(gateway, owner, close)


def _gocardless(name: str, account: GoCardlessAccount) -> Built:
    from activities.gateways.gocardless import GoCardlessGateway
    from activities.sources.gocardless_owner import GoCardlessOwner

    threads = Threads(name)
    return Built(GoCardlessGateway(account, threads), GoCardlessOwner(account, threads), threads.close)


def make_merchant_owner(account: MerchantAccount, session: aiohttp.ClientSession) -> Owner:
    from activities.sources.merchant_owner import MerchantOwner

    return MerchantOwner(session, account.base_url, account.token.get_secret_value(), account.timeout_seconds)


def _stripe(account: StripeAccount, session: aiohttp.ClientSession) -> Built:
    from activities.gateways.stripe import StripeGateway
    from activities.sources.stripe_owner import StripeOwner

    return Built(StripeGateway(account, session), StripeOwner(account, session))


def _adyen(name: str, account: AdyenAccount) -> Built:
    from activities.gateways.adyen import AdyenGateway

    threads = Threads(name)
    return Built(AdyenGateway(account, threads), None, threads.close)


def _paypal(account: PayPalAccount, session: aiohttp.ClientSession) -> Built:
    from activities.gateways.paypal import PayPalGateway
    from activities.sources.paypal_owner import PayPalOwner

    return Built(PayPalGateway(account, session), PayPalOwner(account, session))
