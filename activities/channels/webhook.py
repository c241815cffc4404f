"""A channel of the merchant's own: each message is posted to an address of theirs, as JSON, signed by the scheme of
standardwebhooks.com. What they do with it is theirs to say (docs/channels/webhook.md)."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from standardwebhooks.webhooks import Webhook

from activities.channels.accounts import WebhookProvider
from activities.channels.contract import Accepted, Letter, NotSent, SendOutcome, Unclear
from activities.errors import Misconfigured
from activities.http_client import Answer, HttpClient, NoAnswer
from activities.sources.signatures import standard_webhook_complaint

REFUSED = {400, 410, 413, 422}
"""What says that this message was not taken; other refusals speak of us or of the address."""

GONE, KNOWN_ALREADY = 410, 409
OPTED_OUT = "opted_out"
REFERENCE_MAX = 200

_WORD = re.compile(r"[a-z][a-z0-9_]{0,49}")
"""A reason that may stand in a history: one word, so nobody's address."""


class WebhookChannel:
    """`clock`: what signatures are dated by; the receiver holds them against theirs. Raises ValueError for a secret or
    an address that is none, without repeating it."""

    name = "webhook"
    receipts = False

    def __init__(
        self,
        provider: WebhookProvider,
        session: aiohttp.ClientSession,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        secret = provider.secret.get_secret_value().strip()
        if complaint := standard_webhook_complaint(secret):
            raise ValueError(f"the secret of the webhook channel cannot be used: {complaint}")
        origin, self._path = _parts(provider.base_url or provider.url)
        self._signer = Webhook(secret)
        self._http = HttpClient(session, origin, provider.timeout_seconds, "the merchant's webhook")
        self._clock = clock

    async def send(self, letter: Letter) -> SendOutcome:
        body = body_of(letter)
        try:
            answer = await self._http.ask("POST", self._path, body, self._signed(letter.key, body))
        except NoAnswer as silence:
            return Unclear(reason=str(silence))
        return Accepted(reference=_reference(answer) or letter.key) if answer.status < 300 else _refusal(answer)

    def _signed(self, key: str, body: dict[str, Any]) -> dict[str, str]:
        """Over the very bytes that HttpClient writes. The id is the message's, so that a repetition can be known."""
        moment = self._clock()
        return {
            "webhook-id": key,
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": self._signer.sign(key, moment.astimezone(UTC), json.dumps(body)),
        }


def body_of(letter: Letter) -> dict[str, Any]:
    """Fields are added to it, never renamed or removed."""
    return {
        "type": "message",
        "key": letter.key,
        "case_id": letter.case_id,
        "customer": letter.customer.model_dump() if letter.customer else None,
        "template": letter.template,
        "stage": letter.stage,
        "locale": letter.locale,
        "direction": letter.direction,
        "address": letter.address,
        "subject": letter.subject,
        "text": letter.text,
        "link": letter.link,
        "unsubscribe": letter.unsubscribe,
        "at": letter.now.isoformat(),
    }


def _parts(url: str) -> tuple[str, str]:
    """Origin, and path with query to the letter."""
    split = urlsplit(url.strip())
    if split.scheme not in ("http", "https") or not split.hostname:
        raise ValueError("the url of the webhook channel is no http address")
    path = split.path or "/"
    return f"{split.scheme}://{split.netloc}", f"{path}?{split.query}" if split.query else path


def _reference(answer: Answer) -> str | None:
    told = answer.body.get("reference")
    return told if isinstance(told, str) and 0 < len(told) <= REFERENCE_MAX and told.isprintable() else None


def _refusal(answer: Answer) -> SendOutcome:
    word = answer.body.get("error")
    error = word if isinstance(word, str) and _WORD.fullmatch(word) else None
    reason = f"the merchant's webhook refused: {answer.status}{f' {error}' if error else ''}"
    if answer.status == 403 and error == OPTED_OUT:
        return NotSent(reason=reason, withdrawn="opted_out")
    if answer.status == KNOWN_ALREADY:
        return Unclear(reason="the merchant's webhook says that it has this message already")
    if answer.status in REFUSED:
        return NotSent(reason=reason, withdrawn="gone" if answer.status == GONE else None)
    raise Misconfigured(reason)
