"""Braintree's adapter against a local server, see `braintree_stand.py`: the contract, and retries of subscriptions."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from activities.errors import Misconfigured, Unavailable
from activities.gateways.braintree import BraintreeGateway
from activities.gateways.contract import (
    Declined,
    NeverArrived,
    Pending,
    Succeeded,
    Unknown,
)
from activities.threads import Threads
from policies.declines import Category, Retryable
from policies.money import Money
from tests.activities.gateways.braintree_stand import (
    BEHAVES,
    KEY,
    BraintreeStand,
    account,
    gateway_at,
    running_stand,
)
from tests.activities.gateways.braintree_world import PRICE, Method
from tests.activities.gateways.contract import SOME_CHARGE, Charge, GatewayContract, sent
from tests.fixtures.sandbox import day
from tests.fixtures.troubled import Trouble


@pytest.fixture
async def stand() -> AsyncIterator[BraintreeStand]:
    async with running_stand() as stand:
        yield stand


class TestBraintreeGateway(GatewayContract):
    async def test_the_subscription_is_retried_on_the_chosen_card_and_is_paid(self, stand: BraintreeStand) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        await stand.gateway.charge(charge)
        subscription = stand.subscription_of(charge)
        assert subscription.status == "Active"
        assert subscription.payment_method_token == charge.credential_id

    async def test_a_new_card_alone_charges_nothing_even_where_proration_is_on(self, stand: BraintreeStand) -> None:
        charge = await stand.charge_that(Charge.IS_DECLINED)
        await stand.gateway.charge(charge)
        (update,) = [body for body in stand.server.sent("/subscriptions/sub1") if body.fields]
        assert update.text("payment_method_token") == charge.credential_id
        assert len(stand.subscription_of(charge).transactions) == 2, "the renewal and one retry"

    async def test_the_card_that_the_subscription_has_is_not_set_again(self, stand: BraintreeStand) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        charge = charge.model_copy(update={"credential_id": stand.subscription_of(charge).payment_method_token})
        assert isinstance(await stand.gateway.charge(charge), Declined)
        assert [body.fields for body in stand.server.sent("/subscriptions/sub1") if body.fields] == []

    async def test_a_part_is_refused_because_braintree_would_forget_the_rest(self, stand: BraintreeStand) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        with pytest.raises(Misconfigured):
            await stand.gateway.charge(charge.model_copy(update={"amount": Money(amount_minor=2899, currency="EUR")}))
        assert stand.server.sent("/transactions") == []

    async def test_more_than_the_balance_is_not_taken(self, stand: BraintreeStand) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        more = charge.model_copy(update={"amount": Money(amount_minor=2901, currency="EUR")})
        assert isinstance(await stand.gateway.charge(more), Unknown)
        assert stand.server.sent("/transactions") == []

    @pytest.mark.parametrize("owned_here", [True, False])
    async def test_an_answer_that_was_lost_is_found_by_the_look_up_and_by_the_next_charge(
        self, stand: BraintreeStand, owned_here: bool
    ) -> None:
        charge = stand.charge_of(owned_here=owned_here)
        stand.server.hangs_up_after_the_money = True
        assert isinstance(await stand.gateway.charge(charge), Unknown)
        assert isinstance(await stand.gateway.look_up(sent(charge)), Succeeded)
        assert isinstance(await stand.gateway.charge(charge), Succeeded)
        assert await stand.money_taken(charge) == 1

    async def test_a_retry_that_another_process_makes_again_finds_the_first(self, stand: BraintreeStand) -> None:
        """Nothing is remembered there, but the activity is repeated with the time it had."""
        charge = await stand.charge_that(Charge.IS_DECLINED)
        first = await stand.gateway.charge(charge)
        async with gateway_at(stand.server.url) as other:
            assert await other.charge(charge) == first
        assert len(stand.subscription_of(charge).transactions) == 2

    async def test_an_earlier_refusal_is_not_taken_for_this_attempt(self, stand: BraintreeStand) -> None:
        charge = await stand.charge_that(Charge.IS_DECLINED)
        await stand.gateway.charge(charge)
        stand.world.methods[charge.credential_id].status = "submitted_for_settlement"
        stand.world.now = day(3)
        later = charge.model_copy(update={"key": KEY.replace("0", "9"), "now": day(3)})
        assert await stand.gateway.look_up(sent(later)) == NeverArrived()
        assert isinstance(await stand.gateway.charge(later), Succeeded)

    async def test_a_clock_of_braintree_s_that_is_a_minute_behind_hides_nothing(self, stand: BraintreeStand) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        stand.world.now -= timedelta(minutes=1)
        stand.server.hangs_up_after_the_money = True
        assert isinstance(await stand.gateway.charge(charge), Unknown)
        assert isinstance(await stand.gateway.look_up(sent(charge)), Succeeded)

    async def test_another_sum_or_another_card_is_another_attempt(self, stand: BraintreeStand) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        subscription = stand.subscription_of(charge)
        other = stand.world.methods[subscription.payment_method_token]
        stand.world.transact(other, PRICE, subscription)
        stand.world.transact(stand.world.methods[charge.credential_id], PRICE / 2, subscription)
        assert await stand.gateway.look_up(sent(charge)) == NeverArrived()

    async def test_what_somebody_else_collected_just_then_is_not_collected_again(self, stand: BraintreeStand) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        subscription = stand.subscription_of(charge)
        theirs = stand.world.transact(stand.world.methods[charge.credential_id], PRICE, subscription)
        assert await stand.gateway.charge(charge) == Succeeded(reference=theirs["id"])
        assert await stand.money_taken(charge) == 1

    async def test_of_several_that_may_be_it_the_one_that_took_money_counts(self, stand: BraintreeStand) -> None:
        charge = await stand.charge_that(Charge.IS_DECLINED)
        await stand.gateway.charge(charge)
        stand.world.methods[charge.credential_id].status = "submitted_for_settlement"
        paid = stand.world.transact(
            stand.world.methods[charge.credential_id], PRICE, stand.subscription_of(charge), source="recurring"
        )
        assert await stand.gateway.look_up(sent(charge)) == Succeeded(reference=paid["id"])

    async def test_somebody_who_is_faster_by_a_moment_makes_it_unknown(self, stand: BraintreeStand) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        stand.server.somebody_is_faster = "Active"
        assert isinstance(await stand.gateway.charge(charge), Unknown)
        assert await stand.money_taken(charge) == 0

    @pytest.mark.parametrize("status", ["Active", "Canceled", "Expired"])
    async def test_a_subscription_settled_elsewhere_is_unknown_and_never_a_decline(
        self, stand: BraintreeStand, status: str
    ) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        subscription = stand.subscription_of(charge)
        other = stand.world.add(Method("other", charge.customer_id))
        stand.world.transact(other, PRICE, subscription)
        subscription.status = status
        assert isinstance(await stand.gateway.charge(charge), Unknown)
        assert stand.server.sent("/transactions") == []
        assert await stand.gateway.look_up(sent(charge)) == NeverArrived()

    async def test_a_debit_that_came_back_on_an_active_subscription_is_for_a_person(
        self, stand: BraintreeStand
    ) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        stand.subscription_of(charge).status = "Active"
        with pytest.raises(Misconfigured):
            await stand.gateway.charge(charge)

    @pytest.mark.parametrize("status", [408, 307, 301, 502, 422, 200])
    async def test_an_unclear_status_of_the_money_is_unknown_and_nothing_is_sent_again(
        self, stand: BraintreeStand, status: int
    ) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        stand.server.status_of_money = status
        assert isinstance(await stand.gateway.charge(charge), Unknown)
        assert len(stand.server.sent("/transactions")) == 1

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 426])
    async def test_a_clear_no_of_the_server_is_our_fault(self, stand: BraintreeStand, status: int) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        stand.server.status_of_money = status
        with pytest.raises(Misconfigured):
            await stand.gateway.charge(charge)

    async def test_what_is_found_by_search_alone_is_asked_for_again(self, stand: BraintreeStand) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        stand.server.finds_only_by_search.add("sub1")
        with pytest.raises(Unavailable):
            await stand.gateway.charge(charge)

    async def test_a_subscription_that_braintree_does_not_have_is_our_fault(self, stand: BraintreeStand) -> None:
        with pytest.raises(Misconfigured, match="no such subscription"):
            await stand.gateway.charge(SOME_CHARGE)

    @pytest.mark.parametrize("trouble", [Trouble.HANGS, Trouble.CLOSES, Trouble.BREAKS, Trouble.NONSENSE])
    async def test_silence_while_the_card_is_set_is_no_unknown(self, stand: BraintreeStand, trouble: Trouble) -> None:
        """Nothing moved, so Temporal may try again."""
        charge = await stand.charge_that(Charge.PAYS)
        stand.server.trouble_with_cards = trouble
        async with gateway_at(stand.server.url, timeout_seconds=0.5) as gateway:
            with pytest.raises(Unavailable):
                await gateway.charge(charge)
        assert stand.server.sent("/transactions") == []

    async def test_a_transaction_that_is_still_being_authorized_is_unknown(self, stand: BraintreeStand) -> None:
        charge = stand.charge_of(status="authorizing")
        assert isinstance(await stand.gateway.charge(charge), Unknown)
        assert isinstance(await stand.gateway.look_up(sent(charge)), Unknown)

    @pytest.mark.parametrize("status", ["submitted_for_settlement", "settling"])
    async def test_a_bank_debit_that_is_under_way_is_pending(self, stand: BraintreeStand, status: str) -> None:
        assert isinstance(await stand.gateway.charge(stand.charge_of(status=status, bank=True)), Pending)

    @pytest.mark.parametrize("status", ["authorized", "settlement_pending"])
    async def test_money_that_nobody_asked_for_yet_is_pending(self, stand: BraintreeStand, status: str) -> None:
        assert isinstance(await stand.gateway.charge(stand.charge_of(status=status)), Pending)

    async def test_a_bank_debit_is_paid_when_the_bank_says_so_and_may_come_back(self, stand: BraintreeStand) -> None:
        charge = await stand.charge_that(Charge.IS_PENDING)
        pending = await stand.gateway.charge(charge)
        assert isinstance(pending, Pending)
        made = stand.world.transactions[pending.reference]
        made["status"] = "settled"
        assert isinstance(await stand.gateway.look_up(sent(charge, pending.reference)), Succeeded)
        made["status"], made["processor_settlement_response_code"] = "settlement_declined", "4001"
        returned = await stand.gateway.look_up(sent(charge))
        assert isinstance(returned, Declined)
        assert returned.decline.code == "4001"

    async def test_everything_that_braintree_tells_of_a_refusal_is_handed_on(self, stand: BraintreeStand) -> None:
        charge = stand.charge_of(status="processor_declined", code="2000", network_code="05", advice_code="03")
        outcome = await stand.gateway.charge(charge)
        assert isinstance(outcome, Declined)
        assert (outcome.decline.code, outcome.decline.network_code, outcome.decline.advice_code) == ("2000", "05", "03")
        assert outcome.decline.decided_by.startswith("mastercard_mac"), "a MAC is read as the card's network means it"

    @pytest.mark.parametrize(
        ("response_type", "retryable"), [("hard_declined", Retryable.NO), ("soft_declined", Retryable.YES)]
    )
    async def test_braintree_s_word_for_hard_counts_where_the_code_is_new(
        self, stand: BraintreeStand, response_type: str, retryable: Retryable
    ) -> None:
        charge = stand.charge_of(**BEHAVES[Charge.IS_DECLINED_STRANGELY], response_type=response_type)
        outcome = await stand.gateway.charge(charge)
        assert isinstance(outcome, Declined)
        assert outcome.decline.retryable is retryable

    async def test_an_answer_that_lacks_what_it_should_say_is_unknown_and_unavailable_to_readings(
        self, stand: BraintreeStand
    ) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        stand.server.forgets = "status"
        assert isinstance(await stand.gateway.charge(charge), Unknown)
        with pytest.raises(Unavailable):
            await stand.gateway.look_up(sent(charge))

    @pytest.mark.parametrize(
        ("status", "code", "category"),
        [
            ("processor_declined", "2099", Category.AUTHENTICATION_REQUIRED),
            ("gateway_rejected", "three_d_secure", Category.AUTHENTICATION_REQUIRED),
            ("processor_declined", "2004", Category.EXPIRED_CARD),
            ("processor_declined", "2047", Category.LOST_OR_STOLEN),
            ("gateway_rejected", "duplicate", Category.DUPLICATE),
            ("failed", "3000", Category.GATEWAY_ERROR),
        ],
    )
    async def test_each_kind_of_refusal_has_its_category(
        self, stand: BraintreeStand, status: str, code: str, category: Category
    ) -> None:
        charge = stand.charge_of(status=status, code=code, network_code="")
        outcome = await stand.gateway.charge(charge)
        assert isinstance(outcome, Declined)
        assert (outcome.decline.code, outcome.decline.category) == (code, category)


async def test_a_wrong_key_is_our_fault_and_is_never_shown(stand: BraintreeStand) -> None:
    charge = await stand.charge_that(Charge.PAYS)
    async with gateway_at(stand.server.url, private_key="another_secret") as gateway:
        with pytest.raises(Misconfigured) as caught:
            await gateway.charge(charge)
    assert "another_secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["https://127.0.0.1:8443", "http://127.0.0.1:443", "ftp://x:1", "shop.example"])
def test_an_address_that_the_client_cannot_speak_to_is_refused_at_once(url: str) -> None:
    threads = Threads("braintree", count=1)
    with pytest.raises(ValueError, match="base_url"):
        BraintreeGateway(account(url), threads)
    threads.close()


def test_without_an_address_it_is_the_vendor_s_own() -> None:
    threads = Threads("braintree", count=1)
    for live, host in ((True, "api.braintreegateway.com"), (False, "api.sandbox.braintreegateway.com")):
        settings = account("http://127.0.0.1:1").model_copy(update={"base_url": None, "live": live})
        gateway = BraintreeGateway(settings, threads)
        assert host in gateway._client._gateway.config.base_url()
        gateway.close()
    threads.close()
