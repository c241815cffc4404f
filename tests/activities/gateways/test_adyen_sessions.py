"""A customer gives Adyen a new way to pay; what becomes of it, and of what they only lend."""

from collections.abc import AsyncIterator
from typing import Any, Literal

import pytest

from activities.adyen_sessions import reference_of
from activities.errors import Misconfigured, RateLimited, Unavailable
from activities.gateways.adyen import AdyenGateway
from activities.gateways.contract import NotGiven, SessionRequest, StoredMethod, Succeeded, UpdateSession
from activities.threads import Threads
from policies.instruments import Initiator, Network, PaymentType
from policies.money import Money
from tests.activities.gateways.adyen_server import running_adyen
from tests.activities.gateways.adyen_stand import YES, AdyenStand, account_at
from tests.fixtures.troubled import Trouble

BACK = "https://shop.example/back?session=1"
SHOPPER = "cus & co"


@pytest.fixture
async def stand() -> AsyncIterator[AdyenStand]:
    threads = Threads("adyen")
    async with running_adyen() as server:
        yield AdyenStand(server, threads)
    threads.close()


def gateway_of(stand: AdyenStand, **settings: Any) -> AdyenGateway:
    return AdyenGateway(account_at(stand.server.url, **settings), stand.threads)


async def opened(stand: AdyenStand, **asked: Any) -> UpdateSession:
    return await stand.gateway.update_session(asking(**asked))


def asking(**asked: Any) -> SessionRequest:
    return SessionRequest.model_validate({"customer_id": SHOPPER, "return_url": BACK, **asked})


async def given(stand: AdyenStand, session: UpdateSession, shopper: str = SHOPPER) -> StoredMethod | NotGiven:
    result = {"sessionResult": stand.server.result_of(session.reference)}
    return await stand.gateway.given(shopper, session.reference, result)


class TestTheSession:
    async def test_a_zero_amount_stores_what_the_customer_gives(self, stand: AdyenStand) -> None:
        session = await opened(stand)
        assert session.expires_at is not None
        assert stand.server.requests[-1].body == {
            "merchantAccount": "RecoupTestECOM",
            "amount": {"value": 0, "currency": "EUR"},
            "reference": reference_of(SHOPPER),
            "returnUrl": BACK,
            "shopperReference": SHOPPER,
            "shopperInteraction": "Ecommerce",
            "recurringProcessingModel": "Subscription",
            "storePaymentMethodMode": "enabled",
            "allowedPaymentMethods": ["scheme"],
            "channel": "Web",
            "countryCode": "NL",
        }
        assert stand.server.payments == []

    async def test_adyen_s_own_fields_are_opened_in_our_page(self, stand: AdyenStand) -> None:
        session = await opened(stand)
        assert session.url is None
        assert session.fields is not None
        files = "https://checkoutshopper-test.cdn.adyen.com"
        assert session.fields.scripts == (f"{files}/checkoutshopper/sdk/6.45.2/adyen.js",)
        assert session.fields.styles == (f"{files}/checkoutshopper/sdk/6.45.2/adyen.css",)
        assert session.fields.options == {
            "client_key": "test_MADEUPFORTESTS",
            "environment": "test",
            "country_code": "NL",
            "session_id": session.reference,
            "session_data": "Ab02b4c0!made-up",
        }
        assert files in session.fields.origins.script
        assert "https://checkoutshopper-test.adyen.com" in session.fields.origins.connect
        assert "https://checkoutanalytics-test.adyen.com" in session.fields.origins.connect

    @pytest.mark.parametrize(
        ("region", "environment"), [(None, "live"), ("us", "live-us"), ("au", "live-au"), ("apse", "live-apse")]
    )
    async def test_live_fields_come_from_the_region_of_the_account(
        self, stand: AdyenStand, region: str | None, environment: str
    ) -> None:
        live = {"live_url_prefix": "1797a841fbb37ca7-Shop", "live_region": region, "client_key": "live_MADEUP"}
        session = await gateway_of(stand, **live).update_session(asking())
        assert session.fields is not None
        assert session.fields.options["environment"] == environment
        assert session.fields.scripts[0].startswith(f"https://checkoutshopper-{environment}.cdn.adyen.com/")
        assert f"https://checkoutshopper-{environment}.adyen.com" in session.fields.origins.frame

    @pytest.mark.parametrize(
        ("currency", "debit"),
        [("EUR", "sepadirectdebit"), ("USD", "ach"), ("GBP", "directdebit_GB"), ("CAD", "eft_directdebit_CA")],
    )
    async def test_a_debit_is_the_one_of_the_currency(self, stand: AdyenStand, currency: str, debit: str) -> None:
        await opened(stand, payment_type=PaymentType.BANK_DEBIT, owed=Money(amount_minor=2900, currency=currency))
        body = stand.server.requests[-1].body
        assert body["allowedPaymentMethods"] == [debit]
        assert body["amount"] == {"value": 0, "currency": currency}

    @pytest.mark.parametrize(
        "asked",
        [
            {"payment_type": PaymentType.BANK_DEBIT, "owed": Money(amount_minor=2900, currency="JPY")},
            {"payment_type": PaymentType.WALLET},
            {"credential_id": "M5N7TQ4TG5PF0001"},
            {"customer_id": "ab"},
            {"customer_id": "c" * 257},
        ],
    )
    async def test_what_adyen_cannot_do_is_never_asked_for(self, stand: AdyenStand, asked: dict[str, Any]) -> None:
        with pytest.raises(Misconfigured):
            await opened(stand, **asked)
        assert stand.server.requests == []

    @pytest.mark.parametrize(
        ("setting", "value"),
        [
            ("update_currency", None),
            ("update_country", None),
            ("client_key", None),
            ("client_key", "AQE-a-key-made-up-for-tests"),
            ("client_key", "live_OFTHEOTHERWORLD"),
        ],
    )
    async def test_without_a_setting_nothing_is_opened_and_no_secret_shown(
        self, stand: AdyenStand, setting: str, value: str | None
    ) -> None:
        with pytest.raises(Misconfigured, match=setting) as caught:
            await gateway_of(stand, **{setting: value}).update_session(asking())
        assert not value or value not in str(caught.value)
        assert stand.server.requests == []


class TestWhatCameOfIt:
    async def test_a_given_card_is_told_with_all_that_a_customer_recognises(self, stand: AdyenStand) -> None:
        stand.server.store(SHOPPER, YES, lastFour="1111", expiryMonth="03", expiryYear="30")
        session = await opened(stand)
        stored = stand.server.complete(session.reference, brand="mc", alias="A123", lastFour="1111")
        method = await given(stand, session)
        assert isinstance(method, StoredMethod)
        assert (method.credential_id, method.last4, method.expires) == (stored, "1111", "2030-03")
        assert (method.instrument.network, method.fingerprint) == (Network.MASTERCARD, "A123")
        assert await given(stand, session) == method

    @pytest.mark.parametrize("name", ["tokenization.storedPaymentMethodId", "recurring.recurringDetailReference"])
    async def test_the_id_that_adyen_tells_is_believed_first(self, stand: AdyenStand, name: str) -> None:
        """A card that was stored before is stored no second time, and keeps its first payment."""
        before = stand.server.store(SHOPPER, YES, firstPspReference="NC6HT9CRT65Z9999")
        stand.server.store(SHOPPER, YES)
        session = await opened(stand)
        stand.server.complete(session.reference, stored=before, told={name: None})
        method = await given(stand, session)
        assert isinstance(method, StoredMethod)
        assert method.credential_id == before

    async def test_a_card_of_before_is_told_by_its_last_digits_and_date(self, stand: AdyenStand) -> None:
        before = stand.server.store(SHOPPER, YES, lastFour="4444", expiryMonth="3", expiryYear="2031")
        stand.server.store(SHOPPER, YES, lastFour="4444", expiryMonth="4", expiryYear="2031")
        session = await opened(stand)
        told = {"cardSummary": "4444", "expiryDate": "3/2031"}
        stand.server.complete(session.reference, stored=before, told=told)
        method = await given(stand, session)
        assert isinstance(method, StoredMethod)
        assert method.credential_id == before

    async def test_two_cards_that_could_be_meant_are_none(self, stand: AdyenStand) -> None:
        before = stand.server.store(SHOPPER, YES, lastFour="4444")
        stand.server.store(SHOPPER, YES, lastFour="4444")
        session = await opened(stand)
        stand.server.complete(session.reference, stored=before, told={"cardSummary": "4444"})
        with pytest.raises(Unavailable):
            await given(stand, session)

    async def test_what_adyen_has_not_stored_yet_is_asked_for_again(self, stand: AdyenStand) -> None:
        session = await opened(stand)
        stored = stand.server.complete(session.reference)
        late = stand.server.stored.pop(stored)
        with pytest.raises(Unavailable):
            await given(stand, session)
        stand.server.stored[stored] = late
        assert isinstance(await given(stand, session), StoredMethod)

    async def test_a_debit_that_is_pending_is_given_once_it_is_stored(self, stand: AdyenStand) -> None:
        session = await opened(stand, payment_type=PaymentType.BANK_DEBIT)
        stored = stand.server.complete(session.reference, type="sepadirectdebit", brand=None, lastFour=None)
        stand.server.results[session.reference]["status"] = "paymentPending"
        late = stand.server.stored.pop(stored)
        assert await given(stand, session) == NotGiven(why="unfinished")
        late[2]["iban"] = "DE02120300000000202051"
        stand.server.stored[stored] = late
        method = await given(stand, session)
        assert isinstance(method, StoredMethod)
        assert (method.instrument.payment_type, method.last4) == (PaymentType.BANK_DEBIT, "2051")
        assert "0000" not in method.model_dump_json()

    @pytest.mark.parametrize(
        ("status", "why"),
        [
            ("active", "unfinished"),
            ("canceled", "unfinished"),
            ("refused", "refused"),
            ("expired", "expired"),
            ("something_new", "unfinished"),
        ],
    )
    async def test_what_is_not_done_is_not_given(
        self, stand: AdyenStand, status: str, why: Literal["unfinished", "refused", "expired"]
    ) -> None:
        session = await opened(stand)
        stand.server.complete(session.reference)
        stand.server.results[session.reference]["status"] = status
        assert await given(stand, session) == NotGiven(why=why)

    async def test_another_customer_s_session_is_nobody_s(self, stand: AdyenStand) -> None:
        session = await opened(stand)
        stand.server.complete(session.reference)
        stand.server.store("cus_thief", YES)
        assert await given(stand, session, "cus_thief") == NotGiven(why="unknown")

    async def test_a_browser_that_names_another_session_gets_only_its_own(self, stand: AdyenStand) -> None:
        """As after a redirect, when the page has opened a second session meanwhile."""
        first, second = await opened(stand), await opened(stand)
        theirs = await opened(stand, customer_id="cus_victim")
        for session in (first, theirs):
            stand.server.complete(session.reference)
        results = [
            {"sessionId": session.reference, "sessionResult": stand.server.result_of(session.reference)}
            for session in (first, theirs)
        ]
        assert isinstance(await stand.gateway.given(SHOPPER, second.reference, results[0]), StoredMethod)
        assert await stand.gateway.given(SHOPPER, second.reference, results[1]) == NotGiven(why="unknown")

    @pytest.mark.parametrize(
        ("result", "why"),
        [({}, "unfinished"), ({"redirectResult": "X"}, "unfinished"), ({"sessionResult": "forged&x=1"}, "unknown")],
    )
    async def test_a_made_up_result_gives_nothing(
        self, stand: AdyenStand, result: dict[str, str], why: Literal["unfinished", "unknown"]
    ) -> None:
        session = await opened(stand)
        stand.server.complete(session.reference)
        assert await stand.gateway.given(SHOPPER, session.reference, result) == NotGiven(why=why)

    @pytest.mark.parametrize("trouble", [Trouble.HANGS, Trouble.CLOSES, Trouble.BREAKS, Trouble.NONSENSE])
    async def test_silence_is_asked_again(self, stand: AdyenStand, trouble: Trouble) -> None:
        async with stand.troubled_readings(trouble) as gateway:
            with pytest.raises(Unavailable):
                await gateway.given(SHOPPER, "CS1", {"sessionResult": "X"})
            with pytest.raises(Unavailable):
                await gateway.update_session(asking())

    async def test_patience_is_asked_for_here_too(self, stand: AdyenStand) -> None:
        async with stand.troubled_readings(Trouble.SLOW_DOWN) as gateway:
            with pytest.raises(RateLimited):
                await gateway.given(SHOPPER, "CS1", {"sessionResult": "X"})

    async def test_a_wrong_key_is_ours_to_mend_and_no_customer_s_lie(self, stand: AdyenStand) -> None:
        gateway = gateway_of(stand, api_key="wrong")
        with pytest.raises(Misconfigured):
            await gateway.given(SHOPPER, "CS1", {"sessionResult": "X"})


class TestPayingOnce:
    async def test_nothing_of_what_is_lent_is_told_to_be_stored(self, stand: AdyenStand) -> None:
        """Adyen has no default that it could become."""
        charge = stand.charge_with(YES, initiator=Initiator.CUSTOMER, keep=False)
        assert isinstance(await stand.gateway.charge(charge), Succeeded)
        assert not any("store" in name.lower() for name in stand.server.requests[-1].body)
        before = len(stand.server.requests)
        await stand.gateway.keep_for_later(charge.customer_id, charge.credential_id, charge.invoice_id)
        assert len(stand.server.requests) == before


def test_a_reference_is_short_and_each_customer_s_own() -> None:
    assert len(reference_of("c" * 256)) <= 80
    assert len({reference_of("c" * 255 + end) for end in "abc"}) == 3
    assert SHOPPER not in reference_of(SHOPPER)
