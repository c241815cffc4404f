"""Asking PayPal, against a server of ours on this machine: what it answers, and every way not to answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import aiohttp
import pytest
from aiohttp import web

from activities.errors import Misconfigured, RateLimited, Unavailable
from activities.sources.contract import Prover, Rejected, Unproven, Verified
from activities.sources.paypal import PayPalSpeaker
from activities.sources.paypal_proof import IPN_ADDRESS, PayPalProver
from activities.sources.paypal_signature import CertificateAddresses, Certificates
from tests.activities.sources.paypal_signing import ADDRESS, PEM, WEBHOOK_ID, headers_of, pem_of
from tests.activities.sources.speaking import NOW

BODY = b'{"id": "WH-1", "event_type": "PAYMENT.SALE.COMPLETED"}'
IPN = b"txn_type=mp_cancel&mp_id=B-1&receiver_id=RCPMERCHANT&name=Zo%EB+%2B&charset=windows-1252"
SECRETS = (WEBHOOK_ID, "ipn:RCPMERCHANT")

Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class PayPal:
    """What it answers can be changed; what it was asked is kept."""

    answering: Answering
    origin: str = ""
    asked: list[tuple[str, str, bytes]] = field(default_factory=list)
    certificates: Certificates = field(default_factory=Certificates)

    @property
    def addresses(self) -> CertificateAddresses:
        return CertificateAddresses(origins=(self.origin,))

    @property
    def certificate(self) -> str:
        return f"{self.origin}/v1/notifications/certs/CERT-1"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.method, request.path_qs, await request.read()))
        return await self.answering(request)


@asynccontextmanager
async def paypal(answering: Answering) -> AsyncIterator[tuple[PayPal, PayPalProver]]:
    server = PayPal(answering)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with aiohttp.ClientSession() as session:
            yield (
                server,
                PayPalProver(
                    session,
                    server.certificates,
                    addresses=server.addresses,
                    ipn_address=f"{server.origin}/cgi-bin/webscr",
                    timeout_seconds=0.5,
                ),
            )
    finally:
        await runner.cleanup()


def saying(body: bytes, status: int = 200, **headers: str) -> Answering:
    async def answering(_: web.Request) -> web.Response:
        return web.Response(body=body, status=status, headers=headers)

    return answering


async def silent(_: web.Request) -> web.Response:
    await asyncio.sleep(5)
    return web.Response()


async def trickling(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(50):
        await response.write(b"-")
        await asyncio.sleep(0.1)
    return response


async def hanging_up(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


# Webhooks


async def test_a_certificate_is_fetched_once_and_the_speaker_knows_it_from_then_on() -> None:
    async with paypal(saying(PEM)) as (server, prover):
        headers = headers_of(BODY, address=server.certificate)
        speaker = PayPalSpeaker(server.certificates, server.addresses)
        assert isinstance(speaker.verify(headers, BODY, SECRETS, NOW), Unproven)
        for _ in range(2):
            assert await prover.prove(headers, BODY, SECRETS, NOW) == Verified(signed_at=NOW)
        assert server.asked == [("GET", "/v1/notifications/certs/CERT-1", b"")]
        assert isinstance(speaker.verify(headers, BODY, SECRETS, NOW), Verified)


async def test_a_forged_delivery_is_refused_with_the_real_certificate() -> None:
    async with paypal(saying(PEM)) as (server, prover):
        headers = headers_of(BODY, address=server.certificate)
        assert isinstance(await prover.prove(headers, BODY + b" ", SECRETS, NOW), Rejected)
        other = headers_of(BODY, address=server.certificate, webhook_id="1AN0THER0NE000000")
        assert isinstance(await prover.prove(other, BODY, SECRETS, NOW), Rejected)
        assert isinstance(await prover.prove(headers, BODY, (), NOW), Rejected)


async def test_a_proof_that_comes_late_judges_by_the_time_of_receipt() -> None:
    old = NOW - timedelta(days=400)
    async with paypal(saying(pem_of(not_before=old, not_after=old + timedelta(days=1)))) as (server, prover):
        headers = headers_of(BODY, old, address=server.certificate)
        assert await prover.prove(headers, BODY, SECRETS, old) == Verified(signed_at=old)
        assert isinstance(await prover.prove(headers, BODY, SECRETS, NOW), Rejected)


async def test_paypals_real_rule_lets_nobody_ask_another_server() -> None:
    async with paypal(saying(PEM)) as (server, _), aiohttp.ClientSession() as session:
        strict: Prover = PayPalProver(session, Certificates())
        headers = headers_of(BODY, address=server.certificate)
        assert isinstance(await strict.prove(headers, BODY, SECRETS, NOW), Rejected)
        assert server.asked == []
    assert IPN_ADDRESS.startswith("https://ipnpb.paypal.com/")


@pytest.mark.parametrize("status", [404, 410])
async def test_a_certificate_that_does_not_exist_makes_the_delivery_a_forgery(status: int) -> None:
    async with paypal(saying(b"", status)) as (server, prover):
        verdict = await prover.prove(headers_of(BODY, address=server.certificate), BODY, SECRETS, NOW)
        assert verdict == Rejected(reason="PayPal has no certificate at the address that the delivery names")


OUTAGES: dict[str, Answering] = {
    "500": saying(b"", 500),
    "503": saying(PEM, 503),
    "204": saying(b"", 204),
    "silence": silent,
    "a trickle": trickling,
    "a closed line": hanging_up,
    "a redirect": saying(PEM, 302, Location="/v1/notifications/certs/CERT-2"),
    "too much": saying(b"VERIFIED" * 10_000),
    "too much after a certificate": saying(PEM + b" " * 70_000),
    "no certificate": saying(b"<html>Down for maintenance</html>"),
    "nothing": saying(b""),
    "half a certificate": saying(PEM[:200]),
    "not what it says it is": saying(b"no gzip", 200, **{"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("answering", OUTAGES.values(), ids=OUTAGES.keys())
async def test_what_is_no_answer_is_asked_again_later(answering: Answering) -> None:
    async with paypal(answering) as (server, prover):
        with pytest.raises(Unavailable):
            await prover.prove(headers_of(BODY, address=server.certificate), BODY, SECRETS, NOW)
        assert len(server.certificates) == 0
        with pytest.raises(Unavailable):
            await prover.prove({}, IPN, SECRETS, NOW)
        # No redirect was followed.
        assert {path for _, path, _ in server.asked} == {"/v1/notifications/certs/CERT-1", "/cgi-bin/webscr"}


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_a_refusal_is_for_a_person(status: int) -> None:
    async with paypal(saying(b"", status)) as (server, prover):
        with pytest.raises(Misconfigured):
            await prover.prove(headers_of(BODY, address=server.certificate), BODY, SECRETS, NOW)
        with pytest.raises(Misconfigured):
            await prover.prove({}, IPN, SECRETS, NOW)


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("soon", 60.0), ("9" * 400, 60.0)])
async def test_being_asked_to_wait_says_how_long(header: str, seconds: float) -> None:
    async with paypal(saying(b"", 429, **{"Retry-After": header})) as (server, prover):
        with pytest.raises(RateLimited) as limited:
            await prover.prove(headers_of(BODY, address=server.certificate), BODY, SECRETS, NOW)
        assert limited.value.retry_after_seconds == seconds


async def test_nobody_there_is_asked_again_later() -> None:
    async with paypal(saying(PEM)) as (server, _):
        pass
    async with aiohttp.ClientSession() as session:
        prover = PayPalProver(session, Certificates(), addresses=server.addresses, timeout_seconds=0.5)
        with pytest.raises(Unavailable):
            await prover.prove(headers_of(BODY, address=server.certificate), BODY, SECRETS, NOW)


async def test_an_address_that_is_none_is_a_wrong_setting() -> None:
    async with aiohttp.ClientSession() as session:
        for address in ("nowhere", "ftp://ipnpb.paypal.com/", ""):
            with pytest.raises(Misconfigured):
                await PayPalProver(session, Certificates(), ipn_address=address).prove({}, IPN, SECRETS, NOW)


# IPN messages


async def test_paypal_is_handed_the_message_back_byte_for_byte() -> None:
    async with paypal(saying(b"VERIFIED")) as (server, prover):
        assert await prover.prove({}, IPN, SECRETS, NOW) == Verified()
        assert server.asked == [("POST", "/cgi-bin/webscr", b"cmd=_notify-validate&" + IPN)]


async def test_what_paypal_did_not_send_is_refused() -> None:
    async with paypal(saying(b"INVALID\n")) as (_, prover):
        verdict = await prover.prove({}, IPN, SECRETS, NOW)
        assert verdict == Rejected(reason="PayPal says that it did not send this IPN message")


async def test_paypal_is_not_asked_about_what_is_refused_without_it() -> None:
    async with paypal(saying(b"VERIFIED")) as (server, prover):
        for secrets in ((), (WEBHOOK_ID,), ("ipn:SOMEBODY",)):
            assert isinstance(await prover.prove({}, IPN, secrets, NOW), Rejected)
        assert isinstance(await prover.prove({}, BODY, SECRETS, NOW), Rejected)
        assert isinstance(await prover.prove(headers_of(BODY, address=ADDRESS), BODY, SECRETS, NOW), Rejected)
        assert server.asked == []
