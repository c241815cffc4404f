"""Braintree's own client (`braintree` 4.48) in threads, its answers and errors sorted into what they mean: answered,
certainly without effect, or nobody knows.

Read on 2026-11-25: the SDK's util/http.py (statuses, timeouts, no retries of its own) and, under
developer.paypal.com/braintree/docs, reference/general/exceptions and reference/general/validation-errors.
The SDK hides the headers of an answer; the HTTP connection below it reads `Retry-After` where it passes by.
"""

import warnings
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from threading import Lock
from typing import Any, ParamSpec, TypeVar
from xml.parsers.expat import ExpatError

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import MaxRetryError, NewConnectionError
from yarl import URL

from activities.errors import Misconfigured, OutsideError, RateLimited, Unavailable
from activities.gateways.accounts import BraintreeAccount
from activities.threads import Threads

with warnings.catch_warnings():
    # Its own classes warn of their own names while they are imported.
    warnings.simplefilter("ignore", DeprecationWarning)
    import braintree  # type: ignore[import-untyped]  # the SDK has no types
    from braintree.environment import Environment  # type: ignore[import-untyped]  # no types
    from braintree.exceptions.braintree_error import BraintreeError  # type: ignore[import-untyped]  # no types
    from braintree.util.http import Http  # type: ignore[import-untyped]  # no types

__all__ = ["NO_SUCH_SHAPE", "BraintreeClient", "NoAnswer", "accepted", "braintree", "clear", "codes_of", "told_at"]
"""`braintree` too: who takes it from here needs not care for the warnings."""

RETRY_AFTER_SECONDS_DEFAULT = 1.0
Told = TypeVar("Told")
Given = ParamSpec("Given")
Call = Callable[[Any], Told]
"""What is asked of the SDK's gateway object."""

_OURS = (
    braintree.exceptions.AuthenticationError,
    braintree.exceptions.AuthorizationError,
    braintree.exceptions.ConfigurationError,
    braintree.exceptions.UpgradeRequiredError,
)
NO_SUCH_SHAPE = (ExpatError, LookupError, TypeError, AttributeError, ValueError, ArithmeticError)
"""What the SDK raises when an answer is no XML, or not the XML that it expects."""

_SORTED_BY_THE_SDK = frozenset({401, 403, 404, 408, 422, 426})


class NoAnswer(OutsideError):
    """Something may have been sent and no clear answer came: perhaps it had an effect."""


class BraintreeClient:
    """One account. `close` ends the connections; the threads belong to whoever built them."""

    def __init__(self, account: BraintreeAccount, threads: Threads) -> None:
        self._threads = threads
        self._connections = _Connections()
        self._gateway = braintree.BraintreeGateway(
            braintree.Configuration(
                environment=_environment(account),
                merchant_id=account.merchant_id,
                public_key=account.public_key,
                private_key=account.private_key.get_secret_value(),
                timeout=(account.timeout_seconds / 2, account.timeout_seconds),  # to connect, to wait for an answer
                http_strategy=self._connections.strategy,
            )
        )

    async def read(self, call: Call[Told]) -> Told:
        """For what has no effect that matters, so silence is Unavailable. Raises RateLimited and Misconfigured too."""
        return _found(await self._read(call))

    async def act(self, call: Call[Told]) -> Told:
        """For calls that have an effect. Raises Unavailable, RateLimited or Misconfigured (no effect), or NoAnswer."""
        return _found(await self._ask(call))

    async def find(self, call: Call[Told], search: Call[Any]) -> Told | None:
        """None when Braintree itself says that it has no such thing. A 404 may be that of some proxy, so the same thing
        is searched for, and only an empty answer proves it."""
        found = await self._read(call)
        if not isinstance(found, _NotFound):
            return found
        if await self.read(lambda gateway: list(search(gateway).ids)):
            raise Unavailable("Braintree finds by search what it does not find by its id")
        return None

    async def _read(self, call: Call[Told]) -> "Told | _NotFound":
        try:
            return await self._ask(call)
        except NoAnswer as silence:
            raise Unavailable(str(silence)) from silence

    async def _ask(self, call: Call[Told]) -> "Told | _NotFound":
        def asked() -> Told | _NotFound:
            with _errors_sorted():
                try:
                    return call(self._gateway)
                except braintree.exceptions.NotFoundError:
                    return _NotFound()

        return await self._threads.run(asked)

    def close(self) -> None:
        self._connections.close()


class _NotFound:
    """The answer was a 404."""


def _found(answer: Told | _NotFound) -> Told:
    if isinstance(answer, _NotFound):
        raise Misconfigured("what answers at Braintree's address knows nothing of it: 404")
    return answer


class _Connections:
    """The HTTP sessions of all threads, so that they can be closed together."""

    def __init__(self) -> None:
        self._sessions: set[requests.Session] = set()
        self._lock = Lock()

    def strategy(self, config: Any, environment: Any) -> "_SortingHttp":
        return _SortingHttp(config, environment, self)

    def opened(self, session: requests.Session) -> None:
        with self._lock:
            self._sessions.add(session)

    def close(self) -> None:
        with self._lock:
            for session in self._sessions:
                session.close()
            self._sessions.clear()


class _SortingHttp(Http):  # type: ignore[misc]  # the SDK has no types
    """The SDK's own transport, over connections that look at an answer before the SDK drops its headers."""

    def __init__(self, config: Any, environment: Any, connections: _Connections) -> None:
        super().__init__(config, environment)
        self._connections = connections

    def _get_session(self) -> requests.Session:
        """The SDK keeps one per thread, and sends each request with it once."""
        session: requests.Session = super()._get_session()
        if not isinstance(session.get_adapter("https://"), _SortingAdapter):
            session.mount("https://", _SortingAdapter())
            session.mount("http://", _SortingAdapter())
            session.max_redirects = 0  # a redirected POST would be sent twice
            self._connections.opened(session)
        return session


class _SortingAdapter(HTTPAdapter):
    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        response = super().build_response(req, resp)
        status = response.status_code
        if not 400 <= status < 500 or status in _SORTED_BY_THE_SDK:
            return response
        response.close()
        if status == 429:
            raise RateLimited("Braintree asks us to slow down", _seconds(response.headers.get("Retry-After")))
        raise Misconfigured(f"Braintree refused: {status}")


@contextmanager
def _errors_sorted() -> Iterator[None]:
    try:
        yield
    except _OURS as error:
        raise Misconfigured(f"Braintree refused our keys or our client: {type(error).__name__}") from None
    except BraintreeError as error:
        raise NoAnswer(f"Braintree gave no clear answer: {type(error).__name__}") from None
    except requests.RequestException as error:
        if _never_connected(error):
            raise Unavailable(f"no connection to Braintree: {type(error).__name__}") from None
        raise NoAnswer(f"Braintree gave no answer: {type(error).__name__}") from None
    except NO_SUCH_SHAPE as error:
        raise NoAnswer(f"Braintree's answer cannot be read: {type(error).__name__}") from None


def _never_connected(error: requests.RequestException) -> bool:
    if isinstance(error, requests.ConnectTimeout):
        return True
    cause = error.args[0] if error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)


def _seconds(retry_after: str | None) -> float:
    """The header may also hold a date; the default does for that."""
    return float(retry_after) if retry_after and retry_after.isdecimal() else RETRY_AFTER_SECONDS_DEFAULT


def _environment(account: BraintreeAccount) -> Any:
    if account.base_url is None:
        return Environment.Production if account.live else Environment.Sandbox
    url = URL(account.base_url)
    if url.host is None or url.scheme not in ("http", "https") or (url.scheme == "https") != (url.port == 443):
        # The SDK speaks https on port 443 and http on every other.
        raise ValueError("base_url of a braintree account is an http address, or an https one with port 443")
    return Environment("elsewhere", url.host, str(url.port), "", url.scheme == "https", True)


# What every reader of an answer needs


def clear(method: Callable[Given, Awaitable[Told]]) -> Callable[Given, Coroutine[Any, Any, Told]]:
    """For an adapter's readings: an answer that lacks what we need is none. The SDK's objects have only the fields that
    were sent, so reading on can fail at any of them."""

    @wraps(method)
    async def read(*args: Given.args, **kwargs: Given.kwargs) -> Told:
        try:
            return await method(*args, **kwargs)
        except (NoAnswer, *NO_SUCH_SHAPE) as error:
            raise Unavailable(f"Braintree's answer cannot be read: {type(error).__name__}") from None

    return read


def accepted(result: Any) -> Any:
    """The result of a change. Raises Misconfigured with the codes of what was refused."""
    if result is None:
        raise NoAnswer("Braintree's answer holds neither a result nor an error")
    if not result.is_success:
        raise Misconfigured(f"Braintree refused: {', '.join(codes_of(result)) or 'without a code'}")
    return result


def codes_of(result: Any) -> tuple[str, ...]:
    """Codes of validation errors; none where there was none."""
    if result is None or result.is_success:
        return ()
    return tuple(str(error.code) for error in result.errors.deep_errors)


def told_at(moment: datetime) -> datetime:
    """The SDK reads time stamps, which are UTC, into times without a zone."""
    return moment.replace(tzinfo=UTC)
