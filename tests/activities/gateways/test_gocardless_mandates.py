from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from activities.errors import Misconfigured, Unavailable
from activities.gateways.contract import NotGiven, Pending, SessionRequest, StoredMethod
from activities.threads import Threads
from policies.declines import CustomerAction
from policies.instruments import Network, PaymentType
from tests.activities.gateways.gocardless_server import running_gocardless
from tests.activities.gateways.gocardless_stand import GoCardlessStand
from tests.fixtures.sandbox import START
from tests.fixtures.troubled import Trouble

BACK = "https://shop.example/pay/token/back?session=1"


@pytest.fixture
async def stand() -> AsyncIterator[GoCardlessStand]:
    threads = Threads("gocardless")
    async with running_gocardless() as server:
        yield GoCardlessStand(server, threads)
    threads.close()


def asked(customer: dict[str, Any], **changes: Any) -> SessionRequest:
    given = {"customer_id": customer["id"], "return_url": BACK, "payment_type": PaymentType.BANK_DEBIT}
    return SessionRequest(**{**given, **changes})


class TestASession:
    async def test_it_opens_gocardless_own_page_in_the_scheme_of_the_last_mandate(self, stand: GoCardlessStand) -> None:
        customer = stand.server.customer()
        stand.server.mandate(customer, scheme="bacs", status="cancelled")
        session = await stand.gateway.update_session(asked(customer, locale="fr-CA"))
        assert session.url == f"{stand.server.url}/flow"
        assert session.expires_at == START + timedelta(days=7)
        request, flow = (each.body for each in stand.server.requests[-2:])
        assert request["billing_requests"] == {
            "mandate_request": {"scheme": "bacs"},
            "links": {"customer": customer["id"]},
        }
        assert flow["billing_request_flows"] == {
            "redirect_uri": BACK,
            "exit_uri": BACK,
            "language": "fr",
            "links": {"billing_request": session.reference},
        }

    async def test_a_language_that_gocardless_does_not_speak_is_not_asked_for(self, stand: GoCardlessStand) -> None:
        await stand.gateway.update_session(asked(stand.server.customer(), locale="ja"))
        assert "language" not in stand.server.requests[-1].body["billing_request_flows"]

    @pytest.mark.parametrize("other", [{"payment_type": PaymentType.CARD}, {"credential_id": "MD00000001"}])
    async def test_nothing_else_is_opened(self, stand: GoCardlessStand, other: dict[str, Any]) -> None:
        with pytest.raises(Misconfigured):
            await stand.gateway.update_session(asked(stand.server.customer(), **other))
        assert stand.server.requests == []

    async def test_a_customer_nobody_has_is_our_fault(self, stand: GoCardlessStand) -> None:
        with pytest.raises(Misconfigured):
            await stand.gateway.update_session(asked({"id": "CUNOBODY"}))


class TestWhatWasGiven:
    async def opened(self, stand: GoCardlessStand, customer: dict[str, Any]) -> str:
        return (await stand.gateway.update_session(asked(customer))).reference

    async def test_a_new_mandate_is_told_with_its_bank_and_can_be_charged_at_once(self, stand: GoCardlessStand) -> None:
        customer = stand.server.customer()
        old = stand.server.failed_payment(stand.server.mandate(customer))
        reference = await self.opened(stand, customer)
        mandate = stand.server.fulfil(reference)
        given = await stand.gateway.given(customer["id"], reference, {})
        assert isinstance(given, StoredMethod)
        assert given.credential_id == mandate["id"]
        assert (given.instrument.network, given.instrument.issuer) == (Network.SEPA, "BANK OF TESTS")
        assert given.last4 == "11"
        assert given.fingerprint == mandate["links"]["customer_bank_account"]
        assert await stand.gateway.given(customer["id"], reference, {}) == given, "repeating is safe"
        once = stand.charge_of(old, credential_id=given.credential_id, keep=False)
        assert isinstance(await stand.gateway.charge(once), Pending)

    @pytest.mark.parametrize("status", ["pending", "ready_to_fulfil", "fulfilling"])
    async def test_a_request_that_is_not_fulfilled_yet_is_unfinished(self, stand: GoCardlessStand, status: str) -> None:
        customer = stand.server.customer()
        reference = await self.opened(stand, customer)
        stand.server.kept["billing_requests"][reference]["status"] = status
        assert await stand.gateway.given(customer["id"], reference, {}) == NotGiven(why="unfinished")

    async def test_a_cancelled_request_cannot_be_gone_on_with(self, stand: GoCardlessStand) -> None:
        customer = stand.server.customer()
        reference = await self.opened(stand, customer)
        stand.server.kept["billing_requests"][reference]["status"] = "cancelled"
        assert await stand.gateway.given(customer["id"], reference, {}) == NotGiven(why="expired")

    async def test_a_mandate_that_the_bank_refused_says_why(self, stand: GoCardlessStand) -> None:
        customer = stand.server.customer()
        reference = await self.opened(stand, customer)
        stand.server.fulfil(reference)["status"] = "failed"
        given = await stand.gateway.given(customer["id"], reference, {})
        assert isinstance(given, NotGiven)
        assert given.why == "refused"
        assert given.decline is not None
        assert given.decline.customer_action is CustomerAction.UPDATE_METHOD

    async def test_the_session_of_another_customer_is_none_of_this_one(self, stand: GoCardlessStand) -> None:
        reference = await self.opened(stand, stand.server.customer())
        other = stand.server.customer()
        assert await stand.gateway.given(other["id"], reference, {}) == NotGiven(why="unknown")
        stand.server.fulfil(reference)
        assert await stand.gateway.given(other["id"], reference, {}) == NotGiven(why="unknown")

    async def test_a_mandate_of_another_customer_is_none_of_this_one(self, stand: GoCardlessStand) -> None:
        customer = stand.server.customer()
        reference = await self.opened(stand, customer)
        mandate = stand.server.fulfil(reference)
        mandate["links"]["customer"] = stand.server.customer()["id"]
        assert await stand.gateway.given(customer["id"], reference, {}) == NotGiven(why="unknown")

    async def test_a_fulfilled_request_without_a_mandate_gave_none(self, stand: GoCardlessStand) -> None:
        customer = stand.server.customer()
        reference = await self.opened(stand, customer)
        stand.server.fulfil(reference)
        del stand.server.kept["billing_requests"][reference]["links"]["mandate_request_mandate"]
        assert await stand.gateway.given(customer["id"], reference, {}) == NotGiven(why="unknown")

    @pytest.mark.parametrize("reference", ["BRQNOBODYHAS", "../mandates/MD1", ""])
    async def test_a_reference_that_nobody_knows(self, stand: GoCardlessStand, reference: str) -> None:
        assert await stand.gateway.given("CU1", reference, {}) == NotGiven(why="unknown")

    @pytest.mark.parametrize("trouble", [Trouble.CLOSES, Trouble.BREAKS])
    async def test_silence_is_unavailable(self, stand: GoCardlessStand, trouble: Trouble) -> None:
        stand.server.reading_trouble = trouble
        with pytest.raises(Unavailable):
            await stand.gateway.given("CU1", "BRQ00000001", {})


async def test_keeping_a_mandate_for_later_changes_nothing_at_gocardless(stand: GoCardlessStand) -> None:
    payment = stand.server.failed_payment()
    await stand.gateway.keep_for_later("CU1", payment["links"]["mandate"], payment["id"])
    assert stand.server.requests == []
