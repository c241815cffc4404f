"""Text messages through Twilio's own client, in a few threads of its own.

The SDK repeats nothing by itself. Below it is a wire of ours: it goes to an address that can be set, follows no
redirect, logs nothing (theirs would log addresses) and sorts an answer before the SDK turns it into an error.
What became of a message comes later: `twilio_events.py`.

Sources (some codes are general knowledge, not read there):
twilio 9.13 (http/, base/version.py), www.twilio.com/docs/messaging/api/message-resource
(create, status callbacks) and www.twilio.com/docs/api/errors (the codes below).
"""

import logging
from typing import Any
from urllib.parse import quote, urlencode

import requests
from pydantic import ValidationError
from requests.adapters import HTTPAdapter
from twilio.http import HttpClient  # type: ignore[import-untyped]  # the SDK has no types
from twilio.http.response import Response  # type: ignore[import-untyped]  # no types
from twilio.rest import Client  # type: ignore[import-untyped]  # no types
from urllib3.exceptions import MaxRetryError, NewConnectionError

from activities.channels.accounts import TwilioProvider
from activities.channels.contract import Accepted, Letter, NotSent, SendOutcome, Unclear
from activities.errors import Misconfigured, OutsideError, RateLimited, Unavailable
from activities.threads import Threads
from policies.base import Record

TWILIO = "https://api.twilio.com"
RETRY_AFTER_SECONDS_DEFAULT = 1.0
THREADS = 8

VALID_SECONDS = 4 * 3600
"""How long a message may wait at Twilio, which by itself is ten hours: whether people may be disturbed was asked for
now."""

OPTED_OUT = {21610}
"""The person has answered STOP to this sender."""

GONE = {21211, 21217, 21265, 21614, 21635}
"""No number, none that takes text messages, a short code, a landline."""

QUEUE_FULL = {20429, 21611}
"""Too many requests; more than ten hours of messages wait at this sender. Neither was taken."""

OURS = {20003, 20404, 21212, 21601, 21603, 21606, 21609, 21659, 21660, 21661, 21701, 21703, 21704, 21705}
"""Keys, sender, messaging service or callback address are not what Twilio knows."""

NOT_ALLOWED = {401, 403, 404, 405, 407}

_UNREADABLE = (ValueError, TypeError, LookupError, AttributeError)
"""What the SDK raises when a success is not the JSON that it expects."""


class _NoAnswer(OutsideError):
    """Something may have been sent and no clear answer came."""


class _Refused(OutsideError):
    """A clear no. `code`: Twilio's, 0 where it gave none."""

    def __init__(self, status: int, code: int) -> None:
        super().__init__(f"Twilio refused: {status}, error {code or 'without a code'}")
        self.status = status
        self.code = code


class _Error(Record):
    code: int = 0


class TwilioChannel:
    """`status_callback`: our public address that Twilio tells what became of a message; None: it tells nothing.
    Raises ValueError when the provider names no way to sign in, or no sender."""

    name = "sms"

    def __init__(self, provider: TwilioProvider, status_callback: str | None) -> None:
        self.receipts = status_callback is not None
        self._status_callback = status_callback
        self._sender = _sender(provider)
        self._threads = Threads("twilio", THREADS)
        self._wire = _Wire(provider.base_url or TWILIO, provider.timeout_seconds)
        user, password = _sign_in(provider)
        self._client = Client(
            user,
            password,
            provider.account_sid,
            http_client=self._wire,
            environment={"TWILIO_REGION": ""},  # an empty one would make the SDK read the process's
        )

    def close(self) -> None:
        self._threads.close()
        self._wire.close()

    async def send(self, letter: Letter) -> SendOutcome:
        fields: dict[str, Any] = {"to": letter.address, "body": letter.text, "validity_period": VALID_SECONDS}
        fields.update(self._sender)
        if self._status_callback:
            fields["status_callback"] = _with_key(self._status_callback, letter.key)
        try:
            return await self._threads.run(lambda: self._create(fields))
        except _NoAnswer as silence:
            return Unclear(reason=str(silence))
        except _Refused as refused:
            return _refusal(refused)

    def _create(self, fields: dict[str, Any]) -> SendOutcome:
        """Blocks. `failed` in the very answer is a refusal that Twilio keeps a record of."""
        try:
            created = self._client.messages.create(**fields)
            sid, status, code = created.sid, created.status, created.error_code
        except _UNREADABLE as error:
            raise _NoAnswer(f"Twilio's answer cannot be read: {type(error).__name__}") from None
        if not isinstance(sid, str) or not sid:
            raise _NoAnswer("Twilio's answer names no message")
        if status in ("failed", "undelivered") and isinstance(code, int):
            raise _Refused(400, code)
        return Accepted(reference=sid)


def _refusal(refused: _Refused) -> NotSent:
    """Twilio's code decides, the status where there is none that we know."""
    if refused.code in QUEUE_FULL:
        raise RateLimited(str(refused), RETRY_AFTER_SECONDS_DEFAULT)
    if refused.code in OPTED_OUT:
        return NotSent(reason=str(refused), withdrawn="opted_out")
    if refused.code in GONE:
        return NotSent(reason=str(refused), withdrawn="gone")
    if refused.code in OURS or refused.status in NOT_ALLOWED:
        raise Misconfigured(str(refused))
    return NotSent(reason=str(refused))


def _sign_in(provider: TwilioProvider) -> tuple[str, str]:
    if provider.api_key_sid and provider.api_key_secret:
        return provider.api_key_sid, provider.api_key_secret.get_secret_value()
    if provider.auth_token:
        return provider.account_sid, provider.auth_token.get_secret_value()
    raise ValueError("twilio needs auth_token, or api_key_sid and api_key_secret")


def _sender(provider: TwilioProvider) -> dict[str, str]:
    if provider.messaging_service_sid:
        return {"messaging_service_sid": provider.messaging_service_sid}
    if provider.sender:
        return {"from_": provider.sender}
    raise ValueError("twilio needs sender or messaging_service_sid")


def _with_key(address: str, key: str) -> str:
    return f"{address}{'&' if '?' in address else '?'}key={quote(key, safe='')}"


# The wire


class _Wire(HttpClient):  # type: ignore[misc]  # the SDK has no types
    """Half of `timeout_seconds` is left for getting a connection, and half for each wait for bytes."""

    def __init__(self, base_url: str, timeout_seconds: float) -> None:
        super().__init__(logging.getLogger(__name__), False)
        self._base_url = base_url.rstrip("/")
        self._timeout = (timeout_seconds / 2, timeout_seconds / 2)
        self._session = requests.Session()
        self._session.trust_env = False
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=THREADS, max_retries=0))

    def request(
        self,
        method: str,
        uri: str,
        params: dict[str, Any] | None = None,
        data: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Any:
        """Raises what the answer means, unless it is a success."""
        form = urlencode(data or {})
        try:
            answer = self._session.request(
                method,
                self._base_url + uri.removeprefix(TWILIO),
                params=params,
                data=form,
                headers=headers,
                auth=auth,
                timeout=self._timeout,
                allow_redirects=False,
            )
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema):
            raise Misconfigured("the address of Twilio is no http address") from None
        except UnicodeError:
            raise Misconfigured("the keys of Twilio hold characters that no key has") from None
        except requests.RequestException as error:
            if _never_connected(error):
                raise Unavailable(f"no connection to Twilio: {type(error).__name__}") from None
            raise _NoAnswer(f"Twilio gave no answer: {type(error).__name__}") from None
        if not 200 <= answer.status_code < 300:
            raise _meaning(answer)
        return Response(answer.status_code, answer.content.decode("utf-8", "replace"), answer.headers)

    def close(self) -> None:
        self._session.close()


def _meaning(answer: requests.Response) -> OutsideError:
    status = answer.status_code
    if status == 429:
        return RateLimited("Twilio asks us to slow down", _seconds(answer.headers.get("Retry-After")))
    if not 400 <= status < 500 or status == 408:
        return _NoAnswer(f"Twilio answered {status}")
    try:
        return _Refused(status, _Error.model_validate_json(answer.content).code)
    except ValidationError:
        return _Refused(status, 0)


def _never_connected(error: requests.RequestException) -> bool:
    if isinstance(error, requests.ConnectTimeout):
        return True
    cause = error.args[0] if error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)


def _seconds(retry_after: str | None) -> float:
    """The header may also hold a date; the default does for that."""
    return float(retry_after) if retry_after and retry_after.isdecimal() else RETRY_AFTER_SECONDS_DEFAULT
