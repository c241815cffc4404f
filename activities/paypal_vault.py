"""A customer's ways to pay in PayPal's vault: listed, and newly given at PayPal's own page.

The customer approves a setup token at PayPal; when they come back it is exchanged for a payment token, once, under a
request id made of its own, so a repetition gets the same answer for three hours. After that the wallet is found in the
vault by its payer. Sources: PayPal's published API description of the vault (v3) and developer.paypal.com/api/
payment-tokens/v3 (setup tokens, errors), read 2026-11-25.
"""

import re
from typing import Any
from uuid import uuid4

from activities.errors import Misconfigured, Unavailable
from activities.gateways.contract import NotGiven, SessionRequest, StoredMethod, UpdateSession
from activities.paypal_client import Answer, NoAnswer, PayPalClient, in_path
from activities.paypal_orders import PAYER_REFUSED
from activities.paypal_payments import PaymentSource, decline_of
from policies.base import Record
from policies.instruments import Initiator, PaymentType

METHODS_A_PAGE = 20

NOT_APPROVED = frozenset({"CREATED", "PAYER_ACTION_REQUIRED"})
"""The customer left PayPal's page, or has not come to its end."""

EXCHANGED = frozenset({"VAULTED", "TOKENIZED"})
ALREADY_EXCHANGED = "SETUP_TOKEN_ALREADY_TOKENIZED"
STILL_TO_APPROVE = "PAYER_ACTION_REQUIRED"

_SETUP_TOKEN = re.compile("[0-9A-Za-z_-]{1,36}")
_LOCALE = re.compile("[a-z]{2}-[A-Z]{2}")
"""PayPal takes five letters; of a bare language it goes by the customer's browser."""


class _Customer(Record):
    id: str | None = None


class _Token(Record):
    id: str
    customer: _Customer = _Customer()
    payment_source: PaymentSource = PaymentSource()


class _Tokens(Record):
    payment_tokens: tuple[_Token, ...] = ()
    total_pages: int = 1


class _Link(Record):
    rel: str
    href: str


class _SetupToken(Record):
    id: str
    status: str = ""
    customer: _Customer = _Customer()
    payment_source: PaymentSource = PaymentSource()
    links: tuple[_Link, ...] = ()


class PayPalVault:
    def __init__(self, client: PayPalClient) -> None:
        self._client = client

    async def listed(self, customer_id: str) -> tuple[StoredMethod, ...]:
        """PayPal knows no default; they come in its order."""
        return tuple(_method(token) for token in await self._tokens(customer_id))

    async def session(self, request: SessionRequest) -> UpdateSession:
        """PayPal's page, where the customer approves that the merchant may charge the wallet later. Nothing is stored
        before `given`."""
        if request.payment_type is not PaymentType.WALLET or request.credential_id is not None:
            raise Misconfigured("at PayPal's page a customer gives a PayPal wallet, and nothing else")
        experience: dict[str, str] = {
            "return_url": request.return_url,
            "cancel_url": request.return_url,
            "shipping_preference": "NO_SHIPPING",
            "vault_instruction": "ON_CREATE_PAYMENT_TOKENS",
            **({"locale": request.locale} if _LOCALE.fullmatch(request.locale) else {}),
        }
        body: dict[str, Any] = {
            "customer": {"id": request.customer_id},
            "payment_source": {"paypal": {"usage_type": "MERCHANT", "experience_context": experience}},
        }
        try:
            answer = await self._client.send("POST", "/v3/vault/setup-tokens", body, f"ses_{uuid4().hex}")
            if not answer.is_success:
                raise answer.misconfigured()
            token = answer.read_as(_SetupToken)
        except NoAnswer as silence:
            raise Unavailable(str(silence)) from silence
        url = next((link.href for link in token.links if link.rel == "approve"), None)
        if url is None:
            raise Misconfigured("PayPal gave no page where the customer could approve; is saving of wallets enabled?")
        return UpdateSession(reference=token.id, url=url)

    async def given(self, customer_id: str, reference: str) -> StoredMethod | NotGiven:
        """The setup token's own customer counts, whatever the browser brought back."""
        if not _SETUP_TOKEN.fullmatch(reference):
            return NotGiven(why="unknown")
        setup = await self._client.read(f"/v3/vault/setup-tokens/{in_path(reference)}", _SetupToken)
        if setup is None:
            return NotGiven(why="expired")
        if setup.customer.id != customer_id:
            return NotGiven(why="unknown")
        if setup.status in NOT_APPROVED:
            return NotGiven(why="unfinished")
        return await self._exchanged(setup, customer_id)

    async def _exchanged(self, setup: _SetupToken, customer_id: str) -> StoredMethod | NotGiven:
        body = {"payment_source": {"token": {"id": setup.id, "type": "SETUP_TOKEN"}}}
        try:
            answer = await self._client.send("POST", "/v3/vault/payment-tokens", body, f"vault_{setup.id}")
            if answer.is_success:
                token = answer.read_as(_Token)
                return _method(token) if token.customer.id == customer_id else NotGiven(why="unknown")
        except NoAnswer as silence:
            raise Unavailable(str(silence)) from silence
        return await self._not_exchanged(answer, setup, customer_id)

    async def _not_exchanged(self, answer: Answer, setup: _SetupToken, customer_id: str) -> StoredMethod | NotGiven:
        if answer.is_not_there:
            return NotGiven(why="expired")
        if STILL_TO_APPROVE in answer.words:
            return NotGiven(why="unfinished")
        if ALREADY_EXCHANGED in answer.words or setup.status in EXCHANGED:
            return await self._by_payer(setup.payment_source.payer_id, customer_id)
        if refused := next((word for word in answer.words if word in PAYER_REFUSED), None):
            decline = decline_of(None, refused, setup.payment_source.instrument, Initiator.CUSTOMER)
            return NotGiven(why="refused", decline=decline)
        raise answer.misconfigured()

    async def _by_payer(self, payer_id: str | None, customer_id: str) -> StoredMethod | NotGiven:
        """The wallet that the setup token became; only where no other could be meant."""
        tokens = await self._tokens(customer_id)
        same = [token for token in tokens if payer_id and token.payment_source.payer_id == payer_id]
        return _method(same[0]) if len(same) == 1 else NotGiven(why="unknown")

    async def _tokens(self, customer_id: str) -> tuple[_Token, ...]:
        found: list[_Token] = []
        page, pages = 1, 1
        while page <= pages:
            query = {"customer_id": customer_id, "page": str(page), "page_size": str(METHODS_A_PAGE)}
            told = await self._client.read("/v3/vault/payment-tokens", _Tokens, {**query, "total_required": "true"})
            if told is None:
                break
            found.extend(told.payment_tokens)
            page, pages = page + 1, told.total_pages
        return tuple(found)


def _method(token: _Token) -> StoredMethod:
    card = token.payment_source.card
    return StoredMethod(
        credential_id=token.id,
        instrument=token.payment_source.instrument,
        expires=card.month_of_expiry if card else None,
        last4=card.last4 if card else None,
    )
