"""Adyen's Checkout API through the vendor's own client, in threads: one call, sorted into what it means.

Left to the adapter: what silence means for it. The client makes no retries of its own. Its HTTP part is replaced by
ours: theirs follows redirects, which makes a GET of a POST, and its errors quote the request and the answer.
Sources (November 2026): docs.adyen.com/development-resources/response-handling, /error-codes and /api-idempotency,
/currency-codes there too, Adyen's OpenAPI document CheckoutService-v72, Adyen 16.0 (client.py).
"""

import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NoReturn, TypeVar
from urllib.parse import quote

import requests

# The vendor's package brings no types; what comes out of it is read by pydantic.
from Adyen import AdyenCheckoutApi, AdyenClient  # type: ignore[import-untyped]  # no types
from Adyen.exceptions import AdyenError  # type: ignore[import-untyped]  # no types
from pydantic import ValidationError
from urllib3.exceptions import MaxRetryError, NewConnectionError

from activities.errors import Misconfigured, OutsideError, RateLimited, Unavailable
from activities.gateways.accounts import AdyenAccount
from activities.sources.adyen import ADYEN_EXPONENTS
from activities.threads import Threads
from policies.base import Record
from policies.money import EXPONENTS, Money

TEST = "https://checkout-test.adyen.com"
API_VERSION = "72"
"""Of the Checkout API; the client of this release speaks no other."""

UNDER_WAY = "704"
"""The key's first request is under way, or was processed."""

RETRY_AFTER_SECONDS_DEFAULT = 5.0
Shape = TypeVar("Shape", bound=Record)
Fields = dict[str, Any]


class NoAnswer(OutsideError):
    """Something may have been sent and no clear answer came: perhaps it had an effect."""


class Refused(Misconfigured):
    """Adyen's clear no to this request: 400, 404 or 422. Only where a customer's browser had a hand in it is that no
    fault of ours."""


class AdyenConnection:
    """`timeout_seconds` bounds the wait for a connection by its half, and then each wait for bytes."""

    def __init__(self, account: AdyenAccount, threads: Threads) -> None:
        is_live = account.live_url_prefix is not None and account.base_url is None
        client = AdyenClient(
            xapikey=account.api_key.get_secret_value(),
            platform="live" if is_live else "test",
            live_endpoint_prefix=account.live_url_prefix,
        )
        client.http_client, client.http_init = _Wire(account), True
        self.merchant_account = account.merchant_account
        self._checkout = AdyenCheckoutApi(client=client)
        self._threads = threads

    async def pay(self, payment: Fields, key: str, shape: type[Shape]) -> Shape:
        """Raises Unavailable, RateLimited or Misconfigured when nothing happened, and NoAnswer."""
        body = {"merchantAccount": self.merchant_account, **payment}
        return await self._asked(lambda: self._checkout.payments_api.payments(body, idempotency_key=key), shape)

    async def open_session(self, session: Fields, shape: type[Shape]) -> Shape:
        """A session moves no money, so silence is Unavailable."""
        body = {"merchantAccount": self.merchant_account, **session}
        return await self._read(lambda: self._checkout.payments_api.sessions(body), shape)

    async def session_result(self, session_id: str, session_result: str, shape: type[Shape]) -> Shape:
        """Raises Refused for what Adyen does not know or take."""
        path, query = quote(session_id, safe=""), {"sessionResult": quote(session_result, safe="")}
        payments = self._checkout.payments_api
        return await self._read(lambda: payments.get_result_of_payment_session(path, query_parameters=query), shape)

    async def stored_methods(self, customer_id: str, shape: type[Shape]) -> Shape:
        asked = {"shopperReference": customer_id, "merchantAccount": self.merchant_account}
        # The client puts them into the address as they are.
        query = {name: quote(value, safe="") for name, value in asked.items()}
        recurring = self._checkout.recurring_api
        return await self._read(lambda: recurring.get_tokens_for_stored_payment_details(query_parameters=query), shape)

    async def _read(self, call: Callable[[], Any], shape: type[Shape]) -> Shape:
        try:
            return await self._asked(call, shape)
        except NoAnswer as silence:
            raise Unavailable(str(silence)) from None

    async def _asked(self, call: Callable[[], Any], shape: type[Shape]) -> Shape:
        answer = await self._threads.run(lambda: _sorted(call))
        try:
            return shape.model_validate(answer.message)
        except ValidationError:
            raise NoAnswer(f"Adyen answered with a body that is no {shape.__name__}") from None


class _Wire:
    """What the vendor's client sends with; it gets good answers only, and so raises no errors of its own."""

    def __init__(self, account: AdyenAccount) -> None:
        self.user_agent = "recoup"
        self._base_url = (account.base_url or TEST).rstrip("/")
        self._timeout = (account.timeout_seconds / 2, account.timeout_seconds)

    def request(
        self, method: str, url: str, *, json: Fields | None, xapikey: str, headers: dict[str, str]
    ) -> tuple[str, Fields | None, int, Mapping[str, str]]:
        answer = requests.request(
            method,
            self._base_url + url.removeprefix(TEST) if url.startswith(TEST) else url,
            json=json,
            headers={**headers, "x-api-key": xapikey},
            timeout=self._timeout,
            allow_redirects=False,
        )
        _refuse_what_is_no_yes(answer)
        return answer.text, json, answer.status_code, answer.headers


def in_adyens_units(amount: Money) -> Fields:
    """Raises Misconfigured for a sum that Adyen cannot take, such as half a rupiah."""
    exponent = EXPONENTS[amount.currency]
    value = Decimal(amount.amount_minor).scaleb(ADYEN_EXPONENTS.get(amount.currency, exponent) - exponent)
    if value != value.to_integral_value():
        raise Misconfigured(f"Adyen takes whole units of {amount.currency} only")
    return {"value": int(value), "currency": amount.currency}


def _refuse_what_is_no_yes(answer: requests.Response) -> None:
    """A clear no is a 4xx with Adyen's own error in it, or any other 4xx but 408: then nothing happened. A transient
    error, and a key whose first request is under way, say nothing about that first request."""
    status, body = answer.status_code, _object(answer)
    code = body.get("errorCode")
    word = code if isinstance(code, str) and re.fullmatch("[A-Za-z0-9_]{1,20}", code) else "without a code"
    if status == 429:
        raise RateLimited("Adyen asks us to slow down", _seconds(answer.headers.get("Retry-After")))
    if word == UNDER_WAY or answer.headers.get("transient-error", "").lower() == "true":
        raise NoAnswer(f"Adyen answered {status} {word}: the request is under way, or was processed before")
    if status in (400, 404, 422):
        raise Refused(f"Adyen refused: {status} {word}")
    if 400 <= status < 500 and status != 408:
        raise Misconfigured(f"Adyen refused: {status} {word}")
    if not 200 <= status < 300:
        raise NoAnswer(f"Adyen answered {status}")
    if not body:
        raise NoAnswer(f"Adyen answered {status} with a body that says nothing")


def _sorted(call: Callable[[], Any]) -> Any:
    """What the libraries raise, as what it means. Their texts are left behind: they may quote a body."""
    try:
        return call()
    except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema):
        raise Misconfigured("Adyen's address is no http address") from None
    except requests.exceptions.RequestException as error:
        _raise_silence(error)
    except AdyenError as error:
        raise Misconfigured(f"Adyen's client is not set up: {type(error).__name__}") from None


def _raise_silence(error: requests.exceptions.RequestException) -> NoReturn:
    cause: Any = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else None
    if isinstance(error, requests.exceptions.ConnectTimeout) or isinstance(reason, NewConnectionError):
        raise Unavailable(f"no connection to Adyen: {type(error).__name__}") from None
    raise NoAnswer(f"Adyen gave no answer: {type(error).__name__}") from None


def _object(answer: requests.Response) -> Fields:
    try:
        body = json.loads(answer.content)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _seconds(retry_after: str | None) -> float:
    return float(retry_after) if retry_after and retry_after.isdecimal() else RETRY_AFTER_SECONDS_DEFAULT
