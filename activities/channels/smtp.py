"""E-mail through any mail server, by SMTP. It tells nothing later: what bounces goes back to the sender's mailbox.

A connection per mail: mails of dunning are few, and a connection that was kept may be dead when it is needed.

Sources: RFC 5321 (a reply of 4xx: not now, 5xx: not at all; after the dot the server owns the mail only with its 250),
RFC 3463 (5.1.1, 5.1.2, 5.1.6, 5.1.10, 5.2.1: nobody is there).
"""

import asyncio
import re
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime

import aiosmtplib

from activities.channels.accounts import SmtpProvider
from activities.channels.contract import Accepted, Letter, NotSent, SendOutcome, Unclear
from activities.channels.mail import NoAddress, address_of, extra_headers
from activities.errors import Misconfigured, Unavailable

_GONE = re.compile(r"\b5\.(1\.(1|2|6|10)|2\.1)\b")

_POLICY = SMTP_POLICY.clone(max_line_length=998)
"""As long as RFC 5322 allows: folded, a long address in List-Unsubscribe would be written in a way that no mail program
follows."""


class SmtpChannel:
    name = "email"
    receipts = False

    def __init__(self, provider: SmtpProvider, merchant_name: str) -> None:
        self._provider = provider
        self._sender = address_of(provider.sender, merchant_name)

    async def send(self, letter: Letter) -> SendOutcome:
        try:
            mail = self._mail(letter)
        except NoAddress as wrong:
            return NotSent(reason=str(wrong))
        client = self._client()
        try:
            async with asyncio.timeout(self._provider.timeout_seconds):
                await self._sign_in(client)
                refused = await self._envelope(client, letter)
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            client.close()
            raise Unavailable(f"the mail server did not take the mail: {type(error).__name__}") from None
        except BaseException:
            # Also when the activity is cancelled: the connection is nobody's then.
            client.close()
            raise
        return refused if refused else await self._hand_over(client, mail, letter)

    def _client(self) -> aiosmtplib.SMTP:
        security = self._provider.security
        return aiosmtplib.SMTP(
            hostname=self._provider.host,
            port=self._provider.port,
            use_tls=security == "tls",
            start_tls=False,
            timeout=self._provider.timeout_seconds,
        )

    async def _sign_in(self, client: aiosmtplib.SMTP) -> None:
        """Raises Misconfigured for a wrong password, and where the server offers no encryption."""
        provider = self._provider
        try:
            await client.connect()
            if provider.security == "starttls":
                await self._encrypt(client)
            if provider.username is not None and provider.password is not None:
                await client.login(provider.username, provider.password.get_secret_value())
        except aiosmtplib.SMTPAuthenticationError as error:
            if error.code < 500:
                raise
            raise Misconfigured(f"the mail server does not know this user or password: {error.code}") from None
        except aiosmtplib.SMTPNotSupported:
            raise Misconfigured("the mail server offers no way to sign in") from None

    async def _encrypt(self, client: aiosmtplib.SMTP) -> None:
        """Raises Misconfigured where the server does not offer it: nothing is said in the open instead."""
        await client.ehlo()
        if not client.supports_extension("starttls"):
            raise Misconfigured("the mail server offers no STARTTLS; set security, or another port")
        await client.starttls()

    async def _envelope(self, client: aiosmtplib.SMTP, letter: Letter) -> NotSent | None:
        """None when sender and recipient are taken. Nothing of the mail itself has been sent yet."""
        try:
            await client.mail(self._sender.addr_spec)
        except aiosmtplib.SMTPResponseException as error:
            if error.code >= 500:
                raise Misconfigured(f"the mail server does not let us send as this sender: {error.code}") from None
            raise
        try:
            await client.rcpt(address_of(letter.address).addr_spec)
        except aiosmtplib.SMTPResponseException as error:
            if error.code < 500:
                raise
            client.close()
            reason = f"the mail server refuses the recipient: {error.code}"
            return NotSent(reason=reason, withdrawn="gone" if _GONE.search(error.message) else None)
        return None

    async def _hand_over(self, client: aiosmtplib.SMTP, mail: EmailMessage, letter: Letter) -> SendOutcome:
        """From the first byte of the mail on only a clear answer counts."""
        try:
            async with asyncio.timeout(self._provider.timeout_seconds):
                await client.data(mail.as_bytes())
        except aiosmtplib.SMTPResponseException as error:
            if error.code < 0:
                return Unclear(reason="the mail server hung up before it answered")
            if error.code < 500:
                raise Unavailable(f"the mail server takes no mail now: {error.code}") from None
            return NotSent(reason=f"the mail server refuses the mail: {error.code}")
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            return Unclear(reason=f"the mail server gave no answer: {type(error).__name__}")
        finally:
            client.close()
        return Accepted(reference=self._message_id(letter))

    def _mail(self, letter: Letter) -> EmailMessage:
        """Raises NoAddress."""
        mail = EmailMessage(policy=_POLICY)
        mail["From"] = self._sender
        mail["To"] = address_of(letter.address)
        mail["Subject"] = " ".join(letter.subject.split())
        mail["Date"] = format_datetime(_in_whole_seconds(letter.now))
        mail["Message-ID"] = self._message_id(letter)
        for name, value in extra_headers(letter).items():
            mail[name] = value
        mail.set_content(letter.text)
        if letter.html:
            mail.add_alternative(letter.html, subtype="html")
        for attachment in letter.attachments:
            subtype = attachment.content_type.partition("/")[2] or "plain"
            mail.add_attachment(attachment.text, subtype=subtype, filename=attachment.name)
        return mail

    def _message_id(self, letter: Letter) -> str:
        """The same for the same message, so that mail programs show a repeated one once."""
        return f"<{letter.key}@{self._sender.domain}>"


def _in_whole_seconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
