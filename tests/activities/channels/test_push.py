"""Push to all devices of a customer, through a push service that opens what it gets, and Firebase beside it."""

import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from activities.channels.accounts import PushProvider
from activities.channels.contract import Accepted, Channel, Letter, NotSent, SendOutcome, Unclear
from activities.channels.push import PushChannel, is_public
from activities.channels.web_push import new_vapid_key
from activities.errors import Misconfigured, OutsideError, RateLimited, Unavailable
from activities.store.database import make_pool
from activities.store.push_devices import Device, Devices
from activities.store.store import Store
from policies.keys import CustomerRef
from tests.activities.channels.contract import ChannelContract, letter_to
from tests.activities.channels.fcm_server import GOOD, UNREGISTERED, FcmServer, fcm_server
from tests.activities.channels.push_service import PushService, push_service
from tests.fixtures.sandbox import START
from tests.fixtures.store import DEAD_DATABASE
from tests.fixtures.troubled import Trouble

PRIVATE, PUBLIC = new_vapid_key()


def customer(customer_id: str) -> CustomerRef:
    return CustomerRef(source="stripe", account="default", customer_id=customer_id)


def letter_for(customer_id: str, **changes: Any) -> Letter:
    return letter_to(customer_id).model_copy(update={"customer": customer(customer_id), **changes})


class ForWhomItIs:
    """The channel as the contract's letters need it: their address says whose devices are meant."""

    name = "push"
    receipts = False

    def __init__(self, channel: PushChannel) -> None:
        self._channel = channel

    async def send(self, letter: Letter) -> SendOutcome:
        return await self._channel.send(letter.model_copy(update={"customer": customer(letter.address)}))


class Stand:
    good_address = "cus_good"
    refused_address = "cus_refused"

    def __init__(self, service: PushService, fcm: FcmServer, devices: Devices, session: aiohttp.ClientSession) -> None:
        self.service = service
        self.fcm = fcm
        self.devices = devices
        self.session = session
        self.push = PushChannel(self.provider(), devices, session)
        self.channel: Channel = ForWhomItIs(self.push)

    def provider(self, **changes: Any) -> PushProvider:
        known = {
            "vapid_private_key": PRIVATE,
            "contact": "mailto:ops@recoup.example",
            "fcm_service_account": self.fcm.account(),
            "fcm_base_url": self.fcm.url,
            "allow_private_networks": True,
            "timeout_seconds": 5,
        }
        return PushProvider.model_validate(known | changes)

    async def has_browsers(self, customer_id: str, *names: str) -> None:
        for name in names:
            assert await self.devices.add(customer(customer_id), "web", self.service.subscribe(name), START)

    async def has_phone(self, customer_id: str, token: str) -> None:
        assert await self.devices.add(customer(customer_id), "fcm", {"token": token}, START)

    async def delivered(self) -> list[tuple[str, str, str]]:
        owners = {"/wp/good": self.good_address, "/wp/refused": self.refused_address}
        shown = [(owners[path], m["title"], m["body"]) for path, m in self.service.shown]
        return shown + [
            (self.good_address, m["notification"]["title"], m["notification"]["body"]) for m in self.fcm.messages
        ]

    @asynccontextmanager
    async def troubled_channel(self, trouble: Trouble) -> AsyncIterator[Channel]:
        self.service.trouble = self.fcm.trouble = trouble
        if trouble is Trouble.REFUSES:
            await self.devices.remove(customer(self.good_address), (await self.live(self.good_address))[0].device_hash)
            closed = self.service.subscribe("good", "http://127.0.0.1:1")
            await self.devices.add(customer(self.good_address), "web", closed, START)
        provider = self.provider(timeout_seconds=0.5)
        yield ForWhomItIs(PushChannel(provider, self.devices, self.session))

    async def live(self, customer_id: str) -> tuple[Device, ...]:
        return await self.devices.of(customer(customer_id))

    async def send(self, customer_id: str = "cus_1", **changes: Any) -> SendOutcome:
        return await self.push.send(letter_for(customer_id, **changes))


@pytest.fixture
async def stand(store: Store) -> AsyncIterator[Stand]:
    await store.pool.execute("delete from push_devices")
    async with push_service(PUBLIC) as service, fcm_server() as fcm, aiohttp.ClientSession() as session:
        yield Stand(service, fcm, Devices(store.pool), session)


@pytest.fixture
async def channels(stand: Stand) -> Stand:
    await stand.has_browsers(stand.good_address, "good")
    await stand.has_browsers(stand.refused_address, "refused")
    stand.service.said["/wp/refused"] = (413, {})
    return stand


class TestPushInBrowsers(ChannelContract):
    pass


async def test_all_devices_of_the_customer_get_it_and_nobody_else(stand: Stand) -> None:
    await stand.has_browsers("cus_1", "laptop", "tablet")
    await stand.has_browsers("cus_2", "neighbour")
    await stand.has_phone("cus_1", GOOD)
    outcome = await stand.send(link="https://pay.example/1", locale="he", direction="rtl")
    assert isinstance(outcome, Accepted)
    assert len(outcome.reference.split(" ")) == 3
    assert sorted(path for path, _ in stand.service.shown) == ["/wp/laptop", "/wp/tablet"]
    message = stand.service.shown[0][1]
    assert (message["link"], message["lang"], message["dir"]) == ("https://pay.example/1", "he", "rtl")
    assert len(stand.fcm.messages) == 1


async def test_the_reference_is_the_push_services_id(stand: Stand) -> None:
    await stand.has_browsers("cus_1", "laptop", "odd")
    assert isinstance(outcome := await stand.send(), Accepted)
    assert set(outcome.reference.split(" ")) == {"1", "2"}


async def test_many_long_ids_do_not_outgrow_the_index_of_references(stand: Stand) -> None:
    names = [f"device-{n}" for n in range(20)]
    await stand.has_browsers("cus_1", *names)
    for name in names:
        stand.service.said[f"/wp/{name}"] = (201, {"Location": f"https://push.example/{name[-1] * 200}"})
    assert isinstance(outcome := await stand.send(), Accepted)
    assert 200 < len(outcome.reference) <= 1_000
    assert {len(each) for each in outcome.reference.split(" ")} == {200}


@pytest.mark.parametrize("location", ["", "https://push.example/m/", "https://push.example/m/a b", "/" + "x" * 300])
async def test_without_a_usable_id_the_device_is_the_reference(stand: Stand, location: str) -> None:
    await stand.has_browsers("cus_1", "laptop")
    stand.service.said["/wp/laptop"] = (201, {"Location": location})
    assert isinstance(outcome := await stand.send(), Accepted)
    assert outcome.reference == str((await stand.live("cus_1"))[0].id)


@pytest.mark.parametrize("status", [404, 410])
async def test_a_browser_that_is_gone_is_not_written_to_again(stand: Stand, status: int) -> None:
    await stand.has_browsers("cus_1", "old", "new")
    stand.service.said["/wp/old"] = (status, {})
    assert isinstance(await stand.send(), Accepted)
    assert len(await stand.live("cus_1")) == 1
    assert isinstance(await stand.send(), Accepted)
    assert [path for path, _ in stand.service.asked].count("/wp/old") == 1


async def test_when_no_device_is_left_the_channel_is_gone(stand: Stand) -> None:
    await stand.has_browsers("cus_1", "old")
    await stand.has_phone("cus_1", UNREGISTERED)
    stand.service.said["/wp/old"] = (410, {})
    for _ in range(2):
        outcome = await stand.send()
        assert isinstance(outcome, NotSent)
        assert outcome.withdrawn == "gone"
    assert await stand.live("cus_1") == ()
    assert len(stand.service.asked) == 1


async def test_a_device_that_refuses_is_kept(stand: Stand) -> None:
    await stand.has_browsers("cus_1", "old", "fussy")
    stand.service.said |= {"/wp/old": (410, {}), "/wp/fussy": (400, {})}
    outcome = await stand.send()
    assert isinstance(outcome, NotSent)
    assert outcome.withdrawn is None
    assert len(await stand.live("cus_1")) == 1


@pytest.mark.parametrize("other", [500, 200, 301, 408, 403, 429, 410, 400])
async def test_one_yes_is_enough(stand: Stand, other: int) -> None:
    await stand.has_browsers("cus_1", "laptop", "other")
    stand.service.said["/wp/other"] = (other, {})
    assert isinstance(outcome := await stand.send(), Accepted)
    assert outcome.reference == "1"


@pytest.mark.parametrize("other", [429, 403, 410, 400])
@pytest.mark.parametrize("doubtful", [500, 503, 200, 204, 307, 408])
async def test_a_doubt_without_a_yes_is_unclear(stand: Stand, doubtful: int, other: int) -> None:
    await stand.has_browsers("cus_1", "doubtful", "other")
    stand.service.said |= {"/wp/doubtful": (doubtful, {}), "/wp/other": (other, {})}
    assert isinstance(await stand.send(), Unclear)


async def test_slow_down_only_when_nothing_was_sent_at_all(stand: Stand) -> None:
    await stand.has_browsers("cus_1", "slow", "slower", "old", "ours")
    stand.service.said |= {
        "/wp/slow": (429, {"Retry-After": "7"}),
        "/wp/slower": (429, {"Retry-After": "60"}),
        "/wp/old": (410, {}),
        "/wp/ours": (403, {}),
    }
    with pytest.raises(RateLimited) as limited:
        await stand.send()
    assert limited.value.retry_after_seconds == 60
    assert len(await stand.live("cus_1")) == 3


@pytest.mark.parametrize("wait", ["999999999999", "²", "-1", "Wed, 25 Nov 2026 12:00:00 GMT"])
async def test_a_strangers_service_cannot_hold_us_up_for_ever(stand: Stand, wait: str) -> None:
    await stand.has_browsers("cus_1", "slow")
    stand.service.said["/wp/slow"] = (429, {"Retry-After": wait})
    with pytest.raises(RateLimited) as limited:
        await stand.send()
    assert 0 < limited.value.retry_after_seconds <= 3_600


async def test_a_key_that_browsers_did_not_subscribe_with_is_our_fault(stand: Stand) -> None:
    await stand.has_browsers("cus_1", "laptop")
    changed = PushChannel(stand.provider(vapid_private_key=new_vapid_key()[0]), stand.devices, stand.session)
    with pytest.raises(Misconfigured):
        await changed.send(letter_for("cus_1"))


async def test_without_a_service_account_telephones_wait(stand: Stand) -> None:
    await stand.has_phone("cus_1", GOOD)
    channel = PushChannel(stand.provider(fcm_service_account=None), stand.devices, stand.session)
    outcome = await channel.send(letter_for("cus_1"))
    assert isinstance(outcome, NotSent)
    assert outcome.withdrawn is None
    assert len(await stand.live("cus_1")) == 1


async def test_a_letter_for_nobody_is_not_sent(stand: Stand) -> None:
    assert isinstance(await stand.push.send(letter_to("cus_1")), NotSent)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(stand: Stand, status: int) -> None:
    await stand.has_browsers("cus_1", "laptop")
    stand.service.said["/wp/laptop"] = (status, {"Location": f"{stand.service.url}/internal"})
    assert isinstance(await stand.send(), Unclear)
    assert [path for path, _ in stand.service.asked] == ["/wp/laptop"]


async def test_an_answer_without_end_is_not_read(stand: Stand) -> None:
    await stand.has_browsers("cus_1", "endless")
    assert isinstance(await stand.send(), Accepted)


INTERNAL = [
    "http://{}",  # not even when it is public: no https
    "https://{}",
    "https://localhost:1",
    "https://127.1:1",
    "https://[::1]:1",
    "https://[::ffff:127.0.0.1]:1",
    "https://10.0.0.1",
    "https://169.254.169.254",
    "https://0.0.0.0:1",
    "https://2130706433:1",
    "ftp://push.example",
    "https://user:password@127.0.0.1:1",
    "https://a..b",
    "https://" + "x" * 70 + ".example",
    "https://push.example:0",
    "https://push.example:99999",
    "https://[::1",
    "",
]


@pytest.mark.parametrize("base", INTERNAL)
async def test_only_public_addresses_are_called(stand: Stand, base: str) -> None:
    url = base.format(stand.service.url.removeprefix("http://"))
    await stand.devices.add(customer("cus_1"), "web", stand.service.subscribe("laptop", url), START)
    channel = PushChannel(stand.provider(allow_private_networks=False), stand.devices, stand.session)
    outcome = await channel.send(letter_for("cus_1"))
    assert isinstance(outcome, NotSent)
    assert stand.service.asked == []


async def test_an_address_with_a_name_and_password_is_no_push_service(stand: Stand) -> None:
    url = stand.service.url.replace("http://", "http://user:password@")
    await stand.devices.add(customer("cus_1"), "web", stand.service.subscribe("laptop", url), START)
    assert isinstance(await stand.send(), NotSent)
    assert stand.service.asked == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2607:f8b0:4005:805::200e", True),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::808:808", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("ff0e::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:100.64.0.1", False),
        ("::ffff:224.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("2002:a00:1::1", False),
        ("2001:0:a00:1::1", False),
    ],
)
def test_what_is_public(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize(
    "registered",
    [
        {},
        {"endpoint": "https://push.example"},
        {"endpoint": "https://push.example", "keys": {"p256dh": "", "auth": ""}},
    ],
)
async def test_what_cannot_be_written_to_is_not_sent(stand: Stand, store: Store, registered: dict[str, Any]) -> None:
    await stand.has_browsers("cus_1", "laptop")
    await stand.has_phone("cus_1", GOOD)
    await store.pool.execute("update push_devices set subscription = $1", registered)
    outcome = await stand.send()
    assert isinstance(outcome, NotSent)
    assert outcome.withdrawn is None


async def test_a_database_that_is_down_is_unavailable(stand: Stand) -> None:
    pool = await make_pool(DEAD_DATABASE)
    with pytest.raises(Unavailable):
        await PushChannel(stand.provider(), Devices(pool), stand.session).send(letter_for("cus_1"))
    await pool.close()


class ForgetfulDevices(Devices):
    async def gone(self, device_id: UUID, now: datetime) -> None:
        raise ConnectionResetError


async def test_a_database_that_dies_afterwards_changes_nothing(stand: Stand, store: Store) -> None:
    await stand.has_browsers("cus_1", "laptop", "old")
    stand.service.said["/wp/old"] = (410, {})
    channel = PushChannel(stand.provider(), ForgetfulDevices(store.pool), stand.session)
    assert isinstance(await channel.send(letter_for("cus_1")), Accepted)


async def test_what_nobody_foresaw_is_unclear(stand: Stand) -> None:
    def broken() -> datetime:
        raise ZeroDivisionError

    await stand.has_browsers("cus_1", "laptop")
    channel = PushChannel(stand.provider(), stand.devices, stand.session, broken)
    assert isinstance(await channel.send(letter_for("cus_1")), Unclear)


async def test_no_address_is_told_or_logged(stand: Stand, caplog: pytest.LogCaptureFixture) -> None:
    said = {"one-secret": 410, "two-secret": 500, "three-secret": 403, "four-secret": 429, "five-secret": 400}
    with caplog.at_level(logging.INFO):
        for name, status in said.items():
            await stand.has_browsers(name, name)
            stand.service.said[f"/wp/{name}"] = (status, {})
            try:
                told = str(await stand.send(name))
            except OutsideError as error:
                told = str(error)
            assert "secret" not in told
            assert stand.service.url not in told
    assert "secret" not in caplog.text


async def test_the_name_of_the_host_is_proven_though_its_address_is_called(stand: Stand, tmp_path: Path) -> None:
    """The certificate is made out to a name, the connection to a number that was looked at before."""
    trusting = ssl.create_default_context(cafile=str(_certificate(tmp_path)))
    connector = aiohttp.TCPConnector(ssl=trusting)
    async with _over_tls(stand.service, tmp_path) as port, aiohttp.ClientSession(connector=connector) as session:
        channel = PushChannel(stand.provider(), stand.devices, session)
        for name, host in (("named", "localhost"), ("numbered", "127.0.0.1")):
            said = stand.service.subscribe(name, f"https://{host}:{port}")
            await stand.devices.add(customer(f"cus_{name}"), "web", said, START)
        assert isinstance(await channel.send(letter_for("cus_named")), Accepted)
        assert [headers["Host"] for _, headers in stand.service.asked] == [f"localhost:{port}"]
        with pytest.raises(Unavailable):
            await channel.send(letter_for("cus_numbered"))


def _certificate(folder: Path) -> Path:
    """Of `localhost` alone, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1)
    )
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / "cert.pem").write_bytes(made.sign(key, SHA256()).public_bytes(Encoding.PEM))
    return folder / "cert.pem"


@asynccontextmanager
async def _over_tls(service: PushService, folder: Path) -> AsyncIterator[int]:
    proven = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    proven.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", service.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=proven).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
