"""A mail server that keeps what it takes (aiosmtpd), and one that breaks off wherever a test wants it to."""

import asyncio
import warnings
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword

USER, PASSWORD = "recoup", "a password of the tests"


class Mailroom:
    """`answers`: what the server says to an address, or to the mail itself under "data"."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, EmailMessage]] = []
        self.answers: dict[str, str] = {}

    async def handle_MAIL(self, server: Any, session: Any, envelope: Envelope, address: str, options: Any) -> str:  # noqa: N802 - aiosmtpd calls it so
        if refusal := self.answers.get(address):
            return refusal
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Envelope, address: str, options: Any) -> str:  # noqa: N802 - aiosmtpd calls it so
        if refusal := self.answers.get(address):
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd calls it so
        if refusal := self.answers.get("data"):
            return refusal
        mail = cast(EmailMessage, message_from_bytes(cast(bytes, envelope.content), policy=default))
        self.taken.append((envelope.rcpt_tos[0], mail))
        return "250 Message accepted for delivery"


def _known(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    known = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=known, handled=known)


@asynccontextmanager
async def mail_server(room: Mailroom, **options: Any) -> AsyncIterator[int]:
    """The port it listens on."""

    def talk() -> SMTP:
        with warnings.catch_warnings():
            # It warns of asking for a password without TLS, which is what is tested.
            warnings.simplefilter("ignore")
            return SMTP(room, **options)

    server = await asyncio.get_running_loop().create_server(talk, "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()


def mail_server_with_password(room: Mailroom) -> AbstractAsyncContextManager[int]:
    return mail_server(room, authenticator=_known, auth_required=True, auth_require_tls=False)


@asynccontextmanager
async def breaking_server(at: str, how: str) -> AsyncIterator[int]:
    """Says yes to everything before `at` (a command, or "content"), and there `closes`, `hangs` or answers `how`."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _talk(reader, writer, at, how)
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()


async def _talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, at: str, how: str) -> None:
    async def say(text: str) -> None:
        writer.write(f"{text}\r\n".encode())
        await writer.drain()

    async def breaks() -> bool:
        """Whether to go on talking."""
        if how == "hangs":
            await asyncio.sleep(5)
        if how in ("hangs", "closes"):
            return False
        await say(how)
        return True

    if at == "greeting" and not await breaks():
        return
    await say("220 breaking")
    while line := await reader.readline():
        command = line.decode().split(" ")[0].strip().upper()
        if command == at.upper():
            if not await breaks():
                return
        elif command == "DATA":
            await say("354 go on")
            await reader.readuntil(b"\r\n.\r\n")
            if at == "content" and not await breaks():
                return
        else:
            await say("250 fine")
