from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from activities.errors import Misconfigured, RateLimited, Unavailable
from activities.gateways.contract import Declined, GatewayCharge, NeverArrived, Pending, Succeeded, Unknown
from activities.gateways.gocardless import GoCardlessGateway
from activities.threads import Threads
from policies.declines import Category
from policies.instruments import Network, PaymentType
from policies.money import Money
from tests.activities.gateways.contract import Charge, GatewayContract, sent
from tests.activities.gateways.gocardless_server import TOKEN, running_gocardless
from tests.activities.gateways.gocardless_stand import GoCardlessStand, account_at
from tests.fixtures.sandbox import START
from tests.fixtures.troubled import Trouble


@pytest.fixture
async def stand() -> AsyncIterator[GoCardlessStand]:
    threads = Threads("gocardless")
    async with running_gocardless() as server:
        yield GoCardlessStand(server, threads)
    threads.close()


class TestGoCardlessGateway(GatewayContract):
    """On its own claims, as GoCardless collects them."""


class TestRetrying:
    async def test_a_failed_payment_is_retried_on_its_own_mandate_and_marked(self, stand: GoCardlessStand) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        assert await stand.gateway.charge(charge) == Pending(reference=charge.invoice_id)
        asked = stand.server.requests[-1]
        assert (asked.method, asked.path) == ("POST", f"/payments/{charge.invoice_id}/actions/retry")
        assert asked.body == {"data": {"metadata": {"recoup_attempt": charge.key}}}
        assert asked.key == charge.key

    async def test_each_try_of_one_payment_has_its_own_end(self, stand: GoCardlessStand) -> None:
        first = await stand.charge_that(Charge.IS_DECLINED)
        await stand.gateway.charge(first)
        await stand.settle(first)
        second = first.model_copy(update={"key": "att_" + "2" * 40})
        assert await stand.gateway.charge(second) == Pending(reference=first.invoice_id)
        stand.server.settle(first.invoice_id, "confirmed", cause="payment_confirmed")
        assert isinstance(await stand.gateway.look_up(sent(first)), Declined)
        assert isinstance(await stand.gateway.look_up(sent(second)), Succeeded)

    async def test_a_try_that_failed_is_not_made_again_under_its_key(self, stand: GoCardlessStand) -> None:
        charge = await stand.charge_that(Charge.IS_DECLINED)
        await stand.gateway.charge(charge)
        await stand.settle(charge)
        assert isinstance(await stand.gateway.charge(charge), Declined)
        assert stand.server.kept["payments"][charge.invoice_id]["status"] == "failed"

    async def test_a_lost_answer_is_unknown_and_the_look_up_finds_the_retry(self, stand: GoCardlessStand) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        stand.server.swallowed = True
        assert isinstance(await stand.gateway.charge(charge), Unknown)
        assert await stand.gateway.look_up(sent(charge)) == Pending(reference=charge.invoice_id)

    async def test_a_retry_whose_event_is_not_written_yet_never_counts_as_not_arrived(
        self, stand: GoCardlessStand
    ) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        stand.server.events_late = stand.server.swallowed = True
        await stand.gateway.charge(charge)
        assert isinstance(await stand.gateway.look_up(sent(charge)), Unknown)
        assert isinstance(await stand.gateway.charge(charge), Unknown)
        assert len([asked for asked in stand.server.requests if asked.method == "POST"]) == 1
        stand.server.events_late = False
        assert isinstance(await stand.gateway.look_up(sent(charge)), Pending)

    async def test_a_colleague_s_retry_is_not_ours(self, stand: GoCardlessStand) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        claim = stand.server.kept["payments"][charge.invoice_id]
        stand.server.tell(claim, "resubmission_requested", origin="api", cause="payment_retried")
        assert isinstance(await stand.gateway.charge(charge), Unknown)
        assert await stand.gateway.look_up(sent(charge)) == NeverArrived()
        stand.server.settle(charge.invoice_id, "confirmed", cause="payment_confirmed")
        assert isinstance(await stand.gateway.charge(charge), Unknown)
        assert await stand.gateway.look_up(sent(charge)) == NeverArrived()

    async def test_money_that_was_taken_back_is_a_decline_until_it_comes_again(self, stand: GoCardlessStand) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        await stand.gateway.charge(charge)
        await stand.settle(charge)
        stand.server.settle(charge.invoice_id, "charged_back", cause="refund_requested", reason_code="MD06")
        taken_back = await stand.gateway.look_up(sent(charge))
        assert isinstance(taken_back, Declined)
        assert taken_back.decline.category is Category.PAYMENT_DISPUTED
        stand.server.settle(charge.invoice_id, "chargeback_cancelled", cause="payment_confirmed")
        assert isinstance(await stand.gateway.look_up(sent(charge)), Succeeded)

    async def test_good_news_of_the_status_is_ahead_of_the_event(self, stand: GoCardlessStand) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        await stand.gateway.charge(charge)
        stand.server.events_late = True
        await stand.settle(charge)
        assert isinstance(await stand.gateway.look_up(sent(charge)), Succeeded)

    @pytest.mark.parametrize(
        ("status", "code"),
        [
            ("cancelled", "mandate_cancelled"),
            ("expired", "mandate_expired"),
            ("consumed", "mandate_consumed"),
            ("blocked", "mandate_blocked"),
            ("suspended_by_payer", "mandate_suspended_by_payer"),
            ("failed", "mandate_cancelled"),
        ],
    )
    @pytest.mark.parametrize("owned_here", [True, False])
    async def test_a_mandate_that_ended_is_a_decline(
        self, stand: GoCardlessStand, status: str, code: str, owned_here: bool
    ) -> None:
        charge = (await stand.charge_that(Charge.PAYS)).model_copy(update={"owned_here": owned_here})
        stand.server.kept["mandates"][charge.credential_id]["status"] = status
        outcome = await stand.gateway.charge(charge)
        assert isinstance(outcome, Declined)
        assert outcome.decline.code == code
        assert outcome.decline.category is not Category.UNKNOWN

    async def test_after_three_retries_a_person_is_asked(self, stand: GoCardlessStand) -> None:
        charge = await stand.charge_that(Charge.IS_DECLINED)
        for number in range(3):
            await stand.gateway.charge(charge.model_copy(update={"key": f"att_{number:040x}"}))
            stand.server.settle(charge.invoice_id, "failed", cause="insufficient_funds", reason_code="AM04")
        with pytest.raises(Misconfigured):
            await stand.gateway.charge(charge.model_copy(update={"key": "att_" + "4" * 40}))

    async def test_a_part_of_a_claim_cannot_be_retried(self, stand: GoCardlessStand) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        part = charge.model_copy(update={"amount": Money(amount_minor=1000, currency="EUR")})
        with pytest.raises(Misconfigured):
            await stand.gateway.charge(part)
        assert {asked.method for asked in stand.server.requests} == {"GET"}

    @pytest.mark.parametrize(
        ("cause", "reason_code", "category"),
        [
            ("insufficient_funds", "AM04", Category.INSUFFICIENT_FUNDS),
            ("bank_account_closed", "AC04", Category.ACCOUNT_CLOSED),
            ("bank_account_closed", "MD07", Category.ACCOUNT_HOLDER_DECEASED),
            ("invalid_bank_details", "AC01", Category.INVALID_ACCOUNT),
            ("direct_debit_not_enabled", "AG01", Category.NOT_PERMITTED),
            ("mandate_cancelled", "MD01", Category.MANDATE_CANCELLED),
            ("bank_account_transferred", "", Category.NEW_ACCOUNT_INFO),
        ],
    )
    async def test_the_scheme_s_code_is_read_beside_the_cause(
        self, stand: GoCardlessStand, cause: str, reason_code: str, category: Category
    ) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        await stand.gateway.charge(charge)
        told = {"reason_code": reason_code} if reason_code else {}
        stand.server.settle(charge.invoice_id, "failed", cause=cause, **told)
        outcome = await stand.gateway.look_up(sent(charge))
        assert isinstance(outcome, Declined)
        assert (outcome.decline.category, outcome.decline.code) == (category, cause)
        assert outcome.decline.network_code == (reason_code or None)


class TestCreating:
    async def test_on_another_mandate_a_payment_is_created_that_names_the_claim(self, stand: GoCardlessStand) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        other = charge.model_copy(update={"credential_id": stand.server.mandate()["id"]})
        outcome = await stand.gateway.charge(other)
        assert isinstance(outcome, Pending)
        assert outcome.reference != charge.invoice_id
        assert stand.server.requests[-1].body == {
            "payments": {
                "amount": 2900,
                "currency": "EUR",
                "links": {"mandate": other.credential_id},
                "metadata": {"recoup_attempt": charge.key, "recoup_invoice": charge.invoice_id},
            }
        }
        stand.server.settle(outcome.reference, "confirmed", cause="payment_confirmed")
        assert await stand.gateway.look_up(sent(other)) == Succeeded(reference=outcome.reference)

    async def test_what_was_cancelled_with_its_mandate_is_created_anew_once_the_mandate_is_back(
        self, stand: GoCardlessStand
    ) -> None:
        claim = stand.server.payment(stand.server.mandate())
        stand.server.settle(claim["id"], "cancelled", cause="mandate_cancelled")
        outcome = await stand.gateway.charge(stand.charge_of(claim))
        assert isinstance(outcome, Pending)
        assert outcome.reference != claim["id"]

    async def test_another_system_s_claim_is_a_new_payment(self, stand: GoCardlessStand) -> None:
        charge = await self.foreign(stand)
        outcome = await stand.gateway.charge(charge)
        assert isinstance(outcome, Pending)
        assert await stand.gateway.look_up(sent(charge)) == outcome
        assert await stand.gateway.look_up(sent(charge, outcome.reference)) == outcome
        stand.server.settle(outcome.reference, "failed", cause="refer_to_payer", reason_code="AM04")
        declined = await stand.gateway.look_up(sent(charge, outcome.reference))
        assert isinstance(declined, Declined)
        assert declined.reference == outcome.reference

    async def test_the_same_creation_twice_is_one_payment(self, stand: GoCardlessStand) -> None:
        charge = await self.foreign(stand)
        stand.server.swallowed = True
        assert isinstance(await stand.gateway.charge(charge), Unknown)
        outcome = await stand.gateway.charge(charge)
        assert isinstance(outcome, Pending)
        assert await stand.gateway.charge(charge) == outcome
        assert len(stand.paying(charge)) == 1

    @pytest.mark.parametrize("trouble", [Trouble.CLOSES, Trouble.BREAKS, Trouble.NONSENSE, Trouble.CUTS_SHORT])
    async def test_a_creation_is_asked_for_once_and_silence_is_unknown(
        self, stand: GoCardlessStand, trouble: Trouble
    ) -> None:
        """The vendor's client would ask three times."""
        charge = await self.foreign(stand)
        stand.server.money_trouble = trouble
        assert isinstance(await stand.gateway.charge(charge), Unknown)
        assert [asked.method for asked in stand.server.requests] == ["POST"]
        stand.server.money_trouble = None
        assert await stand.gateway.look_up(sent(charge)) == NeverArrived()

    async def test_a_payment_that_moved_to_the_mandate_s_successor_is_found(self, stand: GoCardlessStand) -> None:
        charge = await self.foreign(stand)
        outcome = await stand.gateway.charge(charge)
        assert isinstance(outcome, Pending)
        successor = stand.server.mandate()
        stand.server.kept["mandates"][charge.credential_id]["links"]["new_mandate"] = successor["id"]
        stand.server.kept["payments"][outcome.reference]["links"]["mandate"] = successor["id"]
        assert await stand.gateway.look_up(sent(charge)) == outcome

    async def test_what_the_merchant_called_off_is_not_created_anew(self, stand: GoCardlessStand) -> None:
        claim = stand.server.payment(stand.server.mandate())
        stand.server.settle(claim["id"], "cancelled", cause="payment_cancelled")
        assert isinstance(await stand.gateway.charge(stand.charge_of(claim)), Unknown)
        assert {asked.method for asked in stand.server.requests} == {"GET"}

    async def test_a_redirect_is_no_answer(self, stand: GoCardlessStand) -> None:
        charge = await self.foreign(stand)
        stand.server.failed_payment()
        stand.server.redirects_money = True
        assert isinstance(await stand.gateway.charge(charge), Unknown)

    async def test_a_replaced_mandate_is_a_decline_that_says_so(self, stand: GoCardlessStand) -> None:
        charge = await self.foreign(stand)
        stand.server.kept["mandates"][charge.credential_id]["links"]["new_mandate"] = stand.server.mandate()["id"]
        outcome = await stand.gateway.charge(charge)
        assert isinstance(outcome, Declined)
        assert outcome.decline.code == "mandate_replaced"

    async def test_the_look_up_turns_every_page(self, stand: GoCardlessStand) -> None:
        charge = await self.foreign(stand)
        outcome = await stand.gateway.charge(charge)
        mandate = stand.server.kept["mandates"][charge.credential_id]
        for _ in range(3):
            stand.server.payment(mandate)
        stand.server.page = 1
        assert await stand.gateway.look_up(sent(charge)) == outcome

    async def foreign(self, stand: GoCardlessStand) -> GatewayCharge:
        """A claim of another system, on a mandate here."""
        mandate = stand.server.mandate()
        claim = {"id": "in_elsewhere", "links": {"mandate": mandate["id"]}, "amount": 1234, "currency": "EUR"}
        return stand.charge_of(claim, owned_here=False)


class TestTheRest:
    async def test_a_wrong_token_is_our_fault_and_is_not_repeated_in_the_error(self, stand: GoCardlessStand) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        gateway = GoCardlessGateway(account_at(stand.server.url, token=TOKEN + "x"), stand.threads)
        with pytest.raises(Misconfigured) as caught:
            await gateway.charge(charge)
        assert TOKEN not in repr(caught.value)
        assert "for people only" not in str(caught.value)

    @pytest.mark.parametrize("trouble", [Trouble.CLOSES, Trouble.BREAKS, Trouble.NONSENSE])
    async def test_a_reading_is_asked_for_once(self, stand: GoCardlessStand, trouble: Trouble) -> None:
        """Temporal asks again; the vendor's client would by itself."""
        stand.server.reading_trouble = trouble
        with pytest.raises(Unavailable):
            await stand.gateway.payment_methods("CU1")
        assert len(stand.server.requests) == 1

    async def test_an_id_that_is_no_part_of_an_address_is_our_fault(self, stand: GoCardlessStand) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        with pytest.raises(Misconfigured):
            await stand.gateway.charge(charge.model_copy(update={"invoice_id": "../mandates"}))

    async def test_active_mandates_are_the_ways_to_pay_the_newest_first(self, stand: GoCardlessStand) -> None:
        server, customer = stand.server, stand.server.customer()
        old, _, new = (server.mandate(customer, status=status) for status in ("active", "cancelled", "active"))
        server.page = 1
        methods = await stand.gateway.payment_methods(customer["id"])
        assert [method.credential_id for method in methods] == [new["id"], old["id"]]
        assert methods[0].fingerprint == new["links"]["customer_bank_account"]
        instrument = methods[0].instrument
        assert (instrument.payment_type, instrument.network) == (PaymentType.BANK_DEBIT, Network.SEPA)
        assert (instrument.country, instrument.issuer) == ("DE", "BANK OF TESTS")

    async def test_a_replaced_mandate_leads_to_the_new_one(self, stand: GoCardlessStand) -> None:
        old, new = stand.server.mandate(), stand.server.mandate()
        assert await stand.gateway.refreshed("CU1", old["id"], START) is None
        stand.server.event("mandates", old, "replaced", links={"new_mandate": new["id"]})
        found = await stand.gateway.refreshed("CU1", old["id"], START)
        assert found is not None
        assert found.credential_id == new["id"]
        assert await stand.gateway.refreshed("CU1", old["id"], START + timedelta(days=1)) is None

    async def test_a_mandate_that_moved_to_another_account_stays_and_says_which(self, stand: GoCardlessStand) -> None:
        mandate = stand.server.mandate()
        stand.server.event("mandates", mandate, "transferred")
        found = await stand.gateway.refreshed("CU1", mandate["id"], START)
        assert found is not None
        assert (found.credential_id, found.fingerprint) == (mandate["id"], mandate["links"]["customer_bank_account"])
        mandate["status"] = "cancelled"
        assert await stand.gateway.refreshed("CU1", mandate["id"], START) is None

    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [
            ({"RateLimit-Reset": "Mon, 02 Mar 2026 09:00:45 GMT", "Date": "Mon, 02 Mar 2026 09:00:05 GMT"}, 40),
            ({"RateLimit-Reset": "Mon, 02 Mar 2026 09:00:05 GMT", "Date": "Mon, 02 Mar 2026 09:00:05 GMT"}, 1),
            ({"Retry-After": "soon", "RateLimit-Reset": "later"}, 30),
        ],
    )
    async def test_a_limit_without_retry_after_ends_when_its_minute_ends(
        self, stand: GoCardlessStand, headers: dict[str, str], seconds: float
    ) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        stand.server.full_until = headers
        with pytest.raises(RateLimited) as caught:
            await stand.gateway.charge(charge)
        assert caught.value.retry_after_seconds == seconds

    async def test_too_many_readings_say_how_long_to_wait(self, stand: GoCardlessStand) -> None:
        async with stand.troubled_readings(Trouble.SLOW_DOWN) as gateway:
            with pytest.raises(RateLimited) as caught:
                await gateway.payment_methods("CU1")
        assert caught.value.retry_after_seconds == 7
