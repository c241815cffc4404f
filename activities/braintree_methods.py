"""A customer's ways to pay at Braintree: listed, renewed, newly given, kept.

A new card is typed into Braintree's Hosted Fields inside our page, which hand out a nonce that is good once.
`given` makes a stored card of it under a token that is derived from the nonce, so the same nonce always names the
same card, and a repetition finds what the first time made. The session is bound to its customer by a signature.

Sources, read 2026-11-25: developer.paypal.com/braintree/docs, reference/request/payment-method/create,
guides/payment-methods (verification), guides/3d-secure (recurring transactions), and braintree-web 3.136.0 (its
reference: content security policy, hosted fields, 3-D Secure). Codes: the SDK's error_codes.py.
"""

import hmac
import re
from collections.abc import Mapping
from datetime import date, datetime
from hashlib import sha256
from secrets import token_hex
from typing import Any, Literal

from activities.braintree_client import BraintreeClient, accepted, braintree, codes_of, told_at
from activities.braintree_transactions import decline_of_verification, field, instrument_of_method
from activities.errors import Misconfigured
from activities.gateways.accounts import BraintreeAccount
from activities.gateways.contract import (
    HostedFields,
    NotGiven,
    Origins,
    SessionRequest,
    StoredMethod,
    UpdateSession,
)
from activities.sources.braintree_payments import subscription_of
from policies.instruments import PaymentType

SCRIPTS = "https://js.braintreegateway.com/web/3.136.0/js"
ASSETS = "https://assets.braintreegateway.com"

NO_CURRENCY = "XXX"
"""ISO 4217's own word for none; the session then verifies at the default merchant account."""

_SESSION = re.compile("bt_([A-Z]{3})_([0-9a-f]{16})_([0-9a-f]{32})")
_NONCE = re.compile("[A-Za-z0-9_-]{1,100}")
_CODES = braintree.ErrorCodes
CONSUMED = frozenset(
    {
        _CODES.PaymentMethod.PaymentMethodNonceConsumed,
        _CODES.PaymentMethod.PaymentMethodNonceLocked,
        _CODES.CreditCard.PaymentMethodNonceConsumed,
        _CODES.CreditCard.PaymentMethodNonceLocked,
        _CODES.CreditCard.TokenIsInUse,
    }
)
EXPIRED = frozenset({_CODES.PaymentMethod.PaymentMethodNonceUnknown, _CODES.CreditCard.PaymentMethodNonceUnknown})
OF_SOMEBODY_ELSE = frozenset({_CODES.Customer.VaultedPaymentInstrumentNonceBelongsToDifferentCustomer})
CARD_IS_WRONG = frozenset(
    {
        _CODES.CreditCard.CreditCardTypeIsNotAccepted,
        _CODES.CreditCard.CvvIsInvalid,
        _CODES.CreditCard.CvvIsRequired,
        _CODES.CreditCard.CvvVerificationFailed,
        _CODES.CreditCard.ExpirationDateIsInvalid,
        _CODES.CreditCard.ExpirationDateIsRequired,
        _CODES.CreditCard.NumberIsInvalid,
        _CODES.CreditCard.NumberIsRequired,
        _CODES.CreditCard.PaymentMethodNonceCardTypeIsNotAccepted,
    }
)
"""What is wrong with the card itself. Everything that is not listed here is our fault."""

_OVER = frozenset({braintree.Subscription.Status.Canceled, braintree.Subscription.Status.Expired})


class BraintreeMethods:
    def __init__(self, client: BraintreeClient, account: BraintreeAccount) -> None:
        self._client = client
        self._account = account

    async def listed(self, customer_id: str) -> tuple[StoredMethod, ...]:
        stored = [_stored(method) for method in await self._of(customer_id) if field(method, "token")]
        return tuple(sorted(stored, key=lambda method: not method.is_default))

    async def refreshed(self, customer_id: str, credential_id: str, since: datetime) -> StoredMethod | None:
        """Braintree's account updater renews a card under its own token. It does not say so of a single card; what
        tells is that the card was changed after `since` and has not expired."""
        for method in await self._of(customer_id):
            changed = field(method, "updated_at")
            if method.token == credential_id and isinstance(method, braintree.CreditCard) and changed:
                return None if method.is_expired or told_at(changed) <= since else _stored(method)
        return None

    async def session(self, request: SessionRequest) -> UpdateSession:
        """A client token opens Braintree's fields in our page; it lives for 24 hours at most."""
        if request.payment_type is not PaymentType.CARD or request.credential_id is not None:
            raise Misconfigured("through Braintree's fields a customer gives a new card, and nothing else")
        currency = request.owed.currency if request.owed else NO_CURRENCY
        asked = {"customer_id": request.customer_id, **self._at_merchant_account("merchant_account_id", currency)}
        token = await self._client.read(lambda gateway: _client_token(gateway, asked))
        secured = self._account.three_d_secure
        return UpdateSession(
            reference=self._reference(request.customer_id, currency, token_hex(8)),
            fields=HostedFields(
                kind="braintree",
                scripts=tuple(f"{SCRIPTS}/{name}.min.js" for name in _modules(secured=secured)),
                options={"authorization": token, **({"confirmAmount": "0.00"} if secured else {})},
                origins=_origins(live=self._account.live, secured=secured),
            ),
        )

    async def given(self, customer_id: str, reference: str, result: Mapping[str, str]) -> StoredMethod | NotGiven:
        session = _SESSION.fullmatch(reference)
        if session is None or not self._is_of(customer_id, session):
            return NotGiven(why="unknown")
        nonce = result.get("nonce", "")
        if not _NONCE.fullmatch(nonce):
            return NotGiven(why="unfinished")
        token = _token_of(customer_id, nonce)
        made_before = await self._method(customer_id, token)
        if made_before is not None:
            return _stored(made_before)
        return await self._made(customer_id, nonce, token, currency=session[1])

    async def kept(self, customer_id: str, credential_id: str, invoice_id: str) -> None:
        """The default of the customer, and of the subscription that the claim is of, if it is this customer's."""
        own = {field(method, "token"): method for method in await self._of(customer_id)}
        if credential_id not in own:
            raise Misconfigured("the way to pay is none of this customer's at Braintree")
        if not field(own[credential_id], "default"):
            change = {"options": {"make_default": True}}
            accepted(await self._client.read(lambda gateway: gateway.payment_method.update(credential_id, change)))
        subscription_id = subscription_of(invoice_id)
        subscription = await self._client.find(
            lambda gateway: gateway.subscription.find(subscription_id),
            lambda gateway: gateway.subscription.search(braintree.SubscriptionSearch.id == subscription_id),
        )
        if subscription is None or subscription.status in _OVER or subscription.payment_method_token not in own:
            return
        if subscription.payment_method_token != credential_id:
            await self.put_on_subscription(subscription_id, credential_id)

    async def put_on_subscription(self, subscription_id: str, credential_id: str) -> None:
        """Moves no money because proration is switched off in the request: with it Braintree would charge at once."""
        change = {"payment_method_token": credential_id, "options": {"prorate_charges": False}}
        accepted(await self._client.read(lambda gateway: gateway.subscription.update(subscription_id, change)))

    # A new card

    async def _made(self, customer_id: str, nonce: str, token: str, currency: str) -> StoredMethod | NotGiven:
        """Braintree asks the bank about the card first (a verification of nothing, or of one unit that is given back),
        and stores none that was refused."""
        options = {
            "verify_card": True,
            "make_default": False,
            **self._at_merchant_account("verification_merchant_account_id", currency),
        }
        asked = {"customer_id": customer_id, "payment_method_nonce": nonce, "token": token, "options": options}
        result = await self._client.act(lambda gateway: gateway.payment_method.create(asked))
        if result is not None and result.is_success:
            return _stored(result.payment_method)
        return await self._not_made(customer_id, token, result)

    async def _not_made(self, customer_id: str, token: str, result: Any) -> StoredMethod | NotGiven:
        verification = field(result, "credit_card_verification")
        if verification is not None:
            return NotGiven(why="refused", decline=decline_of_verification(verification))
        codes = frozenset(codes_of(result))
        if codes & CONSUMED:
            # By the same request a moment ago, or by one whose bank refused the card.
            made = await self._method(customer_id, token)
            return NotGiven(why="unknown") if made is None else _stored(made)
        if why := _why(codes):
            return NotGiven(why=why)
        accepted(result)
        raise Misconfigured("Braintree accepted the card and told nothing of it")

    # Whose session it is

    def _reference(self, customer_id: str, currency: str, number: str) -> str:
        """Public, so it names no customer; the signature says whose it is."""
        signed = f"recoup:{customer_id}:{currency}:{number}".encode()
        key = self._account.private_key.get_secret_value().encode()
        return f"bt_{currency}_{number}_{hmac.new(key, signed, sha256).hexdigest()[:32]}"

    def _is_of(self, customer_id: str, session: re.Match[str]) -> bool:
        return hmac.compare_digest(self._reference(customer_id, session[1], session[2]), session[0])

    def _at_merchant_account(self, name: str, currency: str) -> dict[str, str]:
        """Token, 3-D Secure and verification must name the same one; else it is the default everywhere."""
        account = self._account.merchant_accounts.get(currency)
        return {} if account is None else {name: account}

    # Reading

    async def _of(self, customer_id: str) -> list[Any]:
        customer = await self._client.find(
            lambda gateway: gateway.customer.find(customer_id),
            lambda gateway: gateway.customer.search(braintree.CustomerSearch.id == customer_id),
        )
        return [] if customer is None else list(customer.payment_methods)

    async def _method(self, customer_id: str, token: str) -> Any:
        return next((method for method in await self._of(customer_id) if field(method, "token") == token), None)


def _token_of(customer_id: str, nonce: str) -> str:
    """Braintree takes 36 letters, digits, hyphens and underscores at most."""
    return "rc_" + sha256(f"{customer_id}:{nonce}".encode()).hexdigest()[:32]


def _why(codes: frozenset[str]) -> Literal["expired", "unknown", "refused"] | None:
    if codes & EXPIRED:
        return "expired"
    if codes & OF_SOMEBODY_ELSE:
        return "unknown"
    return "refused" if codes & CARD_IS_WRONG else None


def _modules(*, secured: bool) -> tuple[str, ...]:
    return ("client", "hosted-fields", "three-d-secure") if secured else ("client", "hosted-fields")


def _origins(*, live: bool, secured: bool) -> Origins:
    """As Braintree lists them. The bank's own page of a 3-D Secure challenge can stand anywhere, so with it Braintree
    asks for frames from everywhere."""
    place = "" if live else "sandbox."
    script, frame = ("https://js.braintreegateway.com", ASSETS), (ASSETS,)
    connect = (
        f"https://api.{place}braintreegateway.com",
        f"https://client-analytics.{place}braintreegateway.com",
        "https://*.braintree-api.com",
    )
    if not secured:
        return Origins(script=script, frame=frame, connect=connect, image=(ASSETS,))
    songbird = "https://songbird.cardinalcommerce.com" if live else "https://songbirdstag.cardinalcommerce.com"
    trusted = "https://static.client.cardinaltrusted.com" if live else "https://cas.static.client.cardinaltrusted.com"
    return Origins(
        script=(*script, songbird, trusted),
        frame=("https:",),
        connect=(*connect, "https://*.cardinalcommerce.com", "https://*.cardinaltrusted.com"),
        image=(ASSETS,),
    )


def _client_token(gateway: Any, asked: Mapping[str, str]) -> str:
    try:
        token: str = gateway.client_token.generate(dict(asked))
    except ValueError:
        # The SDK's only way to hand on a validation error here.
        raise Misconfigured("Braintree gives no client token for this customer") from None
    return token


def _stored(method: Any) -> StoredMethod:
    instrument = instrument_of_method(method)
    return StoredMethod(
        credential_id=method.token,
        instrument=instrument,
        fingerprint=instrument.fingerprint,
        expires=_expires(field(method, "expiration_year"), field(method, "expiration_month")),
        last4=field(method, "last_4"),
        is_default=bool(field(method, "default")),
    )


def _expires(year: str | None, month: str | None) -> str | None:
    return date(int(year), int(month), 1).strftime("%Y-%m") if year and month else None
