"""E-mail through SendGrid's own client, in a few threads of its own. What became of a mail comes later:
`sendgrid_events.py`.

The client waits for ever unless it is given a timeout, and repeats nothing by itself. It follows redirects, so only the
202 that SendGrid documents counts as a yes.

Sources: sendgrid 6.12.5 and python_http_client (tried 2026-11), docs.sendgrid.com: Mail Send (202; 400, 401, 403, 404,
413, 429, 500) and its custom arguments.
"""

import json
import re
import socket
import ssl
from base64 import b64encode
from typing import Any
from urllib.error import URLError

from python_http_client.exceptions import HTTPError  # type: ignore[import-untyped]  # the SDK has no types
from sendgrid import SendGridAPIClient  # type: ignore[import-untyped]  # the SDK has no types
from sendgrid.helpers.mail import (  # type: ignore[import-untyped]  # no types
    Attachment,
    Content,
    CustomArg,
    From,
    Header,
    Mail,
    To,
)

from activities.channels.accounts import SendGridProvider
from activities.channels.contract import Accepted, Letter, NotSent, SendOutcome, Unclear
from activities.channels.mail import NoAddress, address_of, extra_headers
from activities.errors import Misconfigured, RateLimited, Unavailable
from activities.threads import Threads

HOSTS = {"global": "https://api.sendgrid.com", "eu": "https://api.eu.sendgrid.com"}
THREADS = 8
KEY_ARGUMENT = "recoup_key"
"""Under which SendGrid repeats our key in every event."""

RETRY_AFTER_SECONDS_DEFAULT = 1.0
TAKEN = 202
ABOUT_THE_RECIPIENT = re.compile(r"(personalizations\.\d+\.)?to(\.|$)")
"""The `field` of an error that is about whom we write to; every other 400 that names one is about how."""


class SendGridChannel:
    name = "email"
    receipts = True

    def __init__(self, provider: SendGridProvider, merchant_name: str) -> None:
        sender = address_of(provider.sender, merchant_name)
        self._from = From(sender.addr_spec, sender.display_name)
        self._track = provider.track
        self._threads = Threads("sendgrid", THREADS)
        self._client = SendGridAPIClient(
            provider.api_key.get_secret_value(), host=provider.base_url or HOSTS[provider.region]
        )
        self._client.client.timeout = provider.timeout_seconds

    def close(self) -> None:
        self._threads.close()

    async def send(self, letter: Letter) -> SendOutcome:
        try:
            body = self._body(letter)
        except NoAddress as wrong:
            return NotSent(reason=str(wrong))
        return await self._threads.run(lambda: self._posted(body))

    def _posted(self, body: dict[str, Any]) -> SendOutcome:
        """Blocks."""
        try:
            answer = self._client.client.mail.send.post(request_body=body)
        except HTTPError as error:
            return _refusal(error)
        except (URLError, ssl.SSLError) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, ConnectionRefusedError | socket.gaierror | ssl.SSLCertVerificationError):
                raise Unavailable(f"no connection to SendGrid: {type(reason).__name__}") from None
            return Unclear(reason=f"SendGrid gave no answer: {type(reason).__name__}")
        except ValueError:
            raise Misconfigured("the address or the key of SendGrid is none") from None
        except Exception as error:
            # http.client has errors of its own for every way in which an answer can break off.
            return Unclear(reason=f"SendGrid gave no answer: {type(error).__name__}")
        reference = answer.headers.get("X-Message-Id")
        if answer.status_code != TAKEN or not reference:
            return Unclear(reason=f"SendGrid answered {answer.status_code}, which is no 202 with an id")
        return Accepted(reference=reference)

    def _body(self, letter: Letter) -> dict[str, Any]:
        """Raises NoAddress."""
        mail = Mail(from_email=self._from, to_emails=To(address_of(letter.address).addr_spec))
        mail.subject = " ".join(letter.subject.split())
        html = [Content("text/html", letter.html)] if letter.html else []
        mail.content = [Content("text/plain", letter.text), *html]
        mail.custom_arg = CustomArg(KEY_ARGUMENT, letter.key)
        for name, value in extra_headers(letter).items():
            mail.header = Header(name, value)
        for file in letter.attachments:
            mail.attachment = Attachment(
                b64encode(file.text.encode()).decode(), file.name, file.content_type, "attachment"
            )
        told: dict[str, Any] = mail.get()
        tracked = {"enable": self._track}
        told["tracking_settings"] = {"click_tracking": {**tracked, "enable_text": False}, "open_tracking": tracked}
        return told


def _refusal(error: HTTPError) -> SendOutcome:
    status = error.status_code
    if status == 429:
        raise RateLimited("SendGrid asks us to slow down", _seconds(error.headers.get("Retry-After")))
    if status in (401, 403, 404, 405):
        raise Misconfigured(f"SendGrid refuses the key, the sender or the address: {status}")
    if status in (400, 413):
        fields = _fields(error.body)
        if status == 400 and fields and not any(ABOUT_THE_RECIPIENT.match(field) for field in fields):
            raise Misconfigured(f"SendGrid refuses the mail: {', '.join(fields)[:100]}")
        return NotSent(reason=f"SendGrid refuses the recipient or the size: {status}")
    return Unclear(reason=f"SendGrid answered {status}")


def _fields(body: Any) -> list[str]:
    """Which parts of the request the errors are about; what else they say may repeat the address."""
    try:
        errors = json.loads(body)["errors"]
        return [str(error["field"]) for error in errors if isinstance(error, dict) and error.get("field")]
    except (ValueError, TypeError, KeyError):
        return []


def _seconds(retry_after: str | None) -> float:
    return float(retry_after) if retry_after and retry_after.isdecimal() else RETRY_AFTER_SECONDS_DEFAULT
