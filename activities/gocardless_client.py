"""GoCardless' API through the vendor's own client, in threads: one call, sorted into what it means.

Left to the adapters: what silence means for them. The client's own retries are off: its services repeat a call that got
no answer `max_network_retries` times, and here that is once. What a `Retry-After` says is lost on its way through the
client's errors, so answers are read one step before.
Sources (November 2026): developer.gocardless.com/api-reference (errors, rate limits, cursor pagination, idempotency
keys), gocardless.com/blog/idempotency-keys, gocardless_pro 3.22 (api_client.py, services/base_service.py).
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn, TypeVar

import requests

# The vendor's package brings no types; what comes out of it is read by pydantic.
from gocardless_pro import services  # type: ignore[import-untyped]  # no types
from gocardless_pro.api_client import ApiClient  # type: ignore[import-untyped]  # no types
from gocardless_pro.errors import GoCardlessProError  # type: ignore[import-untyped]  # no types
from pydantic import ValidationError
from urllib3.exceptions import MaxRetryError, NewConnectionError

from activities.errors import Misconfigured, OutsideError, RateLimited, Unavailable
from activities.gateways.accounts import GoCardlessAccount
from activities.threads import Threads
from policies.base import Record

API_VERSION = "2015-07-06"
LIVE, SANDBOX = "https://api.gocardless.com", "https://api-sandbox.gocardless.com"
PAGE = 500
RETRY_AFTER_SECONDS_DEFAULT = 30.0
"""The limit is counted by the minute."""

Shape = TypeVar("Shape", bound=Record)
Answer = TypeVar("Answer")
Fields = dict[str, Any]


class NoAnswer(OutsideError):
    """Something may have been sent and no clear answer came: perhaps it had an effect."""


class Refused(OutsideError):
    """A clear no: nothing happened. `kind` is GoCardless' `type` (None: not its error), `reasons` its words."""

    def __init__(self, status: int, kind: str | None, reasons: tuple[str, ...], links: Mapping[str, str]) -> None:
        super().__init__(f"GoCardless refused: {status} {kind or 'without a type'} {' '.join(reasons)}".rstrip())
        self.status = status
        self.kind = kind
        self.reasons = reasons
        self.links = links

    @property
    def is_not_found(self) -> bool:
        """On GoCardless' own word; the 404 of a stranger has none."""
        return self.kind is not None and "resource_not_found" in self.reasons

    @property
    def conflicting_id(self) -> str | None:
        """What was created before under the same idempotency key."""
        is_conflict = "idempotent_creation_conflict" in self.reasons
        return self.links.get("conflicting_resource_id") if is_conflict else None

    def misconfigured(self) -> Misconfigured:
        return Misconfigured(str(self))


class _Wire(ApiClient):  # type: ignore[misc]  # untyped, see above
    """The vendor's HTTP client with our reading of an answer."""

    def _handle_errors(self, response: Any) -> None:
        """A redirect is no answer: following one makes a GET of a POST."""
        status: int = response.status_code
        if status == 429:
            raise RateLimited("GoCardless asks us to slow down", _seconds(response.headers))
        if response.history or status == 408 or not (200 <= status < 300 or 400 <= status < 500):
            raise NoAnswer(f"GoCardless answered {status}")
        body = _object(response)
        if status >= 400:
            raise _refused(status, body)
        if not body:
            raise NoAnswer(f"GoCardless answered {status} with a body that says nothing")


class GoCardlessClient:
    """A third of `timeout_seconds` is left for getting a connection, and the rest for each wait for bytes."""

    def __init__(self, account: GoCardlessAccount, threads: Threads) -> None:
        self._threads = threads
        wire = _Wire(
            account.base_url or (LIVE if account.live else SANDBOX),
            account.access_token.get_secret_value(),
            timeout=(account.timeout_seconds / 3, account.timeout_seconds * 2 / 3),
        )
        self._services = {
            "payments": services.PaymentsService,
            "events": services.EventsService,
            "mandates": services.MandatesService,
            "customers": services.CustomersService,
            "customer_bank_accounts": services.CustomerBankAccountsService,
            "subscriptions": services.SubscriptionsService,
            "billing_requests": services.BillingRequestsService,
            "billing_request_flows": services.BillingRequestFlowsService,
        }
        self._wire = wire

    async def read(self, resource: str, identity: str, shape: type[Shape]) -> Shape | None:
        """None on GoCardless' own word only. A reading has no effect, so silence is Unavailable."""
        try:
            return read_as(shape, await self._fields(lambda: self._service(resource).get(identity)))
        except NoAnswer as silence:
            raise Unavailable(str(silence)) from None
        except Refused as refused:
            if refused.is_not_found:
                return None
            raise refused.misconfigured() from None

    async def listed(self, resource: str, filters: Mapping[str, str]) -> list[Fields]:
        """All pages, the newest first, as GoCardless lists."""
        found: list[Fields] = []
        after: str | None = None
        while True:
            params = {**filters, "limit": str(PAGE), **({"after": after} if after else {})}
            page, after = await self._page(resource, params)
            found += page
            if after is None:
                return found

    async def create(self, resource: str, params: Fields, key: str | None = None) -> Fields:
        """Raises NoAnswer or Refused as well. `key`: the idempotency key; else the client makes one up."""
        headers = {"Idempotency-Key": key} if key else None
        return await self._fields(lambda: self._service(resource).create(params=params, headers=headers))

    async def act(self, resource: str, action: str, identity: str, metadata: Mapping[str, str], key: str) -> Fields:
        """`payments`, `retry`, ...; the metadata stands on the event that this brings about. Raises like `create`."""
        call = getattr(self._service(resource), action)
        params, headers = {"metadata": dict(metadata)}, {"Idempotency-Key": key}
        return await self._fields(lambda: call(identity, params=params, headers=headers))

    async def _page(self, resource: str, params: Fields) -> tuple[list[Fields], str | None]:
        def ask() -> tuple[list[Fields], str | None]:
            page = self._service(resource).list(params=params)
            return [record.attributes for record in page.records], page.after

        try:
            return await self._threads.run(lambda: _sorted(ask))
        except NoAnswer as silence:
            raise Unavailable(str(silence)) from None
        except Refused as refused:
            raise refused.misconfigured() from None

    async def _fields(self, call: Callable[[], Any]) -> Fields:
        answer = await self._threads.run(lambda: _sorted(call))
        fields: Fields = answer.attributes
        return fields

    def _service(self, resource: str) -> Any:
        """Tried once, without a pause; a key that was used before is ours to read about."""
        return self._services[resource](self._wire, 1, 0, True)


def read_as(shape: type[Shape], fields: Fields) -> Shape:
    """Raises NoAnswer when a success does not say what it should."""
    try:
        return shape.model_validate(fields)
    except ValidationError:
        raise NoAnswer(f"GoCardless answered with a body that is no {shape.__name__}") from None


def stamp(moment: datetime) -> str:
    """As GoCardless writes times."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _sorted(call: Callable[[], Answer]) -> Answer:
    """What the libraries raise, as what it means. Their texts are left behind: they may quote a body."""
    try:
        return call()
    except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema):
        raise Misconfigured("GoCardless' address is no http address") from None
    except requests.exceptions.RequestException as error:
        _raise_silence(error)
    except GoCardlessProError:
        raise Misconfigured("GoCardless' client cannot send this id") from None
    except (ValueError, TypeError, AttributeError) as error:
        # The client reads figures from headers and lists from bodies without looking first.
        raise NoAnswer(f"GoCardless' client cannot read the answer: {type(error).__name__}") from None


def _raise_silence(error: Any) -> NoReturn:
    reason = getattr(error.args[0], "reason", None) if error.args and isinstance(error.args[0], MaxRetryError) else None
    if isinstance(error, requests.exceptions.ConnectTimeout) or isinstance(reason, NewConnectionError):
        raise Unavailable(f"no connection to GoCardless: {type(error).__name__}") from None
    raise NoAnswer(f"GoCardless gave no answer: {type(error).__name__}") from None


def _object(response: Any) -> Fields:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _refused(status: int, body: Fields) -> Refused:
    error = body.get("error")
    error = error if isinstance(error, dict) else {}
    kind, told = error.get("type"), error.get("errors")
    each = [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []
    reasons = tuple(one["reason"] for one in each if _is_word(one.get("reason")))
    links = {name: link for one in each if isinstance(one.get("links"), dict) for name, link in one["links"].items()}
    return Refused(status, kind if _is_word(kind) else None, reasons, links)


def _is_word(value: object) -> bool:
    """Of GoCardless' vocabulary; nothing else may come into an error's text, which a history keeps."""
    return isinstance(value, str) and re.fullmatch("[a-z0-9_]{1,80}", value) is not None


def _seconds(headers: Mapping[str, str]) -> float:
    """`RateLimit-Reset` is a moment; by the sender's own clock."""
    wait = headers.get("Retry-After", "")
    if wait.isdecimal():
        return float(wait)
    try:
        reset, now = (parsedate_to_datetime(headers[name]) for name in ("RateLimit-Reset", "Date"))
        return max((reset - now).total_seconds(), 1.0)
    except (KeyError, ValueError, TypeError):
        return RETRY_AFTER_SECONDS_DEFAULT
