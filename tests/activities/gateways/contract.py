"""What every gateway adapter promises. A new one subclasses `GatewayContract` and provides a `stand`."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Protocol, cast

import pytest
from yarl import URL

from activities.errors import Misconfigured, RateLimited, Unavailable
from activities.gateways.contract import (
    ChargeOutcome,
    Declined,
    Gateway,
    GatewayCharge,
    NeverArrived,
    NotGiven,
    Pending,
    SentCharge,
    SessionRequest,
    StoredMethod,
    Succeeded,
    Unknown,
    UpdateSession,
)
from policies.declines import Category
from policies.instruments import PaymentType
from policies.money import Money
from tests.fixtures.sandbox import START
from tests.fixtures.troubled import Trouble


class Charge(StrEnum):
    """What a charge comes to when it is made at `START`."""

    PAYS = "pays"
    IS_DECLINED = "is declined for want of funds"
    IS_DECLINED_STRANGELY = "is declined with a code nobody knows"
    IS_PENDING = "is accepted and settles later"
    IS_REFUSED = "names a credential that does not exist"


class Customer(StrEnum):
    """What the customer does in a session."""

    GIVES = "gives a way to pay that can be charged"
    IS_REFUSED = "gives one that is refused there and then, and leaves"
    LEAVES = "leaves without giving any"


class GatewayStand(Protocol):
    """The adapter with a provider behind it that behaves as asked."""

    gateway: Gateway

    async def charge_that(self, comes_to: Charge) -> GatewayCharge: ...

    async def money_taken(self, charge: GatewayCharge) -> int:
        """How often the provider took money for this charge's invoice."""
        ...

    async def settle(self, charge: GatewayCharge) -> None:
        """Time passes until the provider knows what became of the charge. Asked only where `settles_later`."""
        ...

    def troubled(self, trouble: Trouble) -> AbstractAsyncContextManager[tuple[Gateway, GatewayCharge]]:
        """A gateway that answers what is asked before money moves, and has the trouble from then on; with a charge
        that it would take. `Trouble.REFUSES` may come with the first call already."""
        ...

    def troubled_readings(self, trouble: Trouble) -> AbstractAsyncContextManager[Gateway]:
        """A gateway with the trouble in every call."""
        ...


class SessionStand(Protocol):
    """What a stand provides as well, where the gateway opens sessions. Each method may be left out: the promises that
    need it are skipped then, and the adapter's own tests have to hold them."""

    async def customer(self) -> str:
        """A customer whom the gateway knows; another one each time."""
        ...

    async def in_session(self, session: UpdateSession, customer: Customer) -> Mapping[str, str]:
        """Does that at the provider, and returns the `result` that the browser brings back."""
        ...

    async def to_confirm(self) -> tuple[str, str]:
        """A customer, and a stored credential of hers that its bank wants to be confirmed."""
        ...

    async def lent_charge(self) -> GatewayCharge:
        """Pays, with a way to pay that is not the customer's default, and `keep` false. `customer_id` is set."""
        ...

    async def default_of(self, customer_id: str) -> str | None:
        """The credential that later invoices are charged to, by the provider's own books."""
        ...


def sessions_of(stand: GatewayStand, *needed: str) -> SessionStand:
    if missing := [name for name in needed if not hasattr(stand, name)]:
        pytest.skip(f"the stand provides no {', '.join(missing)}")
    return cast(SessionStand, stand)


def asking(customer_id: str, payment_type: PaymentType = PaymentType.CARD) -> SessionRequest:
    return SessionRequest(customer_id=customer_id, return_url=BACK, payment_type=payment_type)


BACK = "https://shop.example/pay/token/back"
FIELDS = Path(__file__).parents[3] / "api" / "static" / "fields"


def sent(charge: GatewayCharge, reference: str | None = None) -> SentCharge:
    return SentCharge(**charge.model_dump(), sent_at=charge.now, reference=reference)


async def outcome_in_the_end(stand: GatewayStand, charge: GatewayCharge) -> ChargeOutcome | NeverArrived:
    """What the charge comes to. Where the money moves later, an accepted charge is Pending first, and nothing else; the
    look-up tells the rest once it has settled."""
    outcome = await stand.gateway.charge(charge)
    if not stand.gateway.capabilities.settles_later:
        return outcome
    assert isinstance(outcome, Pending)
    assert await stand.money_taken(charge) == 0
    await stand.settle(charge)
    return await stand.gateway.look_up(sent(charge, outcome.reference))


SOME_CHARGE = GatewayCharge(
    key="att_0123456789abcdef0123456789abcdef01234567",
    invoice_id="in_somewhere",
    customer_id="cus_somewhere",
    credential_id="card_somewhere",
    amount=Money(amount_minor=2900, currency="EUR"),
    now=START,
)
NO_ANSWER = [
    Trouble.HANGS,
    Trouble.CLOSES,
    Trouble.CUTS_SHORT,
    Trouble.BREAKS,
    Trouble.OVERLOADED,
    Trouble.GATEWAY_TIMEOUT,
    Trouble.NONSENSE,
]


class GatewayContract:
    async def test_only_an_explicit_yes_is_a_success(self, stand: GatewayStand) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        outcome = await outcome_in_the_end(stand, charge)
        assert isinstance(outcome, Succeeded)
        assert outcome.reference
        assert await stand.money_taken(charge) == 1

    async def test_an_explicit_no_is_a_decline_in_both_languages(self, stand: GatewayStand) -> None:
        charge = await stand.charge_that(Charge.IS_DECLINED)
        outcome = await outcome_in_the_end(stand, charge)
        assert isinstance(outcome, Declined)
        assert outcome.decline.category is Category.INSUFFICIENT_FUNDS
        assert outcome.decline.gateway == stand.gateway.name
        assert await stand.money_taken(charge) == 0

    async def test_a_code_nobody_knows_is_unknown_and_keeps_its_raw_form(self, stand: GatewayStand) -> None:
        outcome = await outcome_in_the_end(stand, await stand.charge_that(Charge.IS_DECLINED_STRANGELY))
        assert isinstance(outcome, Declined)
        assert outcome.decline.category is Category.UNKNOWN
        assert outcome.decline.code not in ("", "none")

    async def test_money_that_moves_later_is_pending(self, stand: GatewayStand) -> None:
        charge = await stand.charge_that(Charge.IS_PENDING)
        outcome = await stand.gateway.charge(charge)
        assert isinstance(outcome, Pending)
        if stand.gateway.capabilities.looks_up != "by_repeating":
            assert await stand.gateway.look_up(sent(charge, outcome.reference)) == outcome

    @pytest.mark.parametrize("comes_to", [Charge.PAYS, Charge.IS_DECLINED])
    async def test_the_same_charge_twice_is_one_charge_with_one_answer(
        self, stand: GatewayStand, comes_to: Charge
    ) -> None:
        charge = await stand.charge_that(comes_to)
        first = await stand.gateway.charge(charge)
        again = await stand.gateway.charge(charge.model_copy(update={"now": START + timedelta(hours=2)}))
        assert again == first
        assert await stand.money_taken(charge) <= 1

    @pytest.mark.parametrize("comes_to", [Charge.PAYS, Charge.IS_DECLINED])
    async def test_a_look_up_tells_what_the_charge_told(self, stand: GatewayStand, comes_to: Charge) -> None:
        """Also where nobody heard the answer, and so knows no reference."""
        charge = await stand.charge_that(comes_to)
        outcome = await stand.gateway.charge(charge)
        found = await stand.gateway.look_up(sent(charge))
        if stand.gateway.capabilities.looks_up == "by_repeating":
            assert isinstance(found, Unknown)
        else:
            assert found == outcome

    async def test_a_charge_the_gateway_never_saw_never_arrived(self, stand: GatewayStand) -> None:
        charge = await stand.charge_that(Charge.PAYS)
        found = await stand.gateway.look_up(sent(charge))
        if stand.gateway.capabilities.looks_up == "by_repeating":
            assert isinstance(found, Unknown)
        else:
            assert found == NeverArrived()
        assert await stand.money_taken(charge) == 0, "looking up moves no money"

    async def test_a_refused_request_is_our_fault_and_takes_no_money(self, stand: GatewayStand) -> None:
        charge = await stand.charge_that(Charge.IS_REFUSED)
        with pytest.raises(Misconfigured):
            await stand.gateway.charge(charge)
        assert await stand.money_taken(charge) == 0

    @pytest.mark.parametrize("trouble", NO_ANSWER)
    async def test_once_a_byte_was_sent_silence_is_unknown(self, stand: GatewayStand, trouble: Trouble) -> None:
        async with stand.troubled(trouble) as (gateway, charge):
            assert isinstance(await gateway.charge(charge), Unknown)

    async def test_no_connection_is_unavailable(self, stand: GatewayStand) -> None:
        async with stand.troubled(Trouble.REFUSES) as (gateway, charge):
            with pytest.raises(Unavailable):
                await gateway.charge(charge)

    async def test_a_gateway_that_asks_for_patience_says_how_much(self, stand: GatewayStand) -> None:
        async with stand.troubled(Trouble.SLOW_DOWN) as (gateway, charge):
            with pytest.raises(RateLimited) as caught:
                await gateway.charge(charge)
        assert caught.value.retry_after_seconds == 7

    @pytest.mark.parametrize("trouble", [*NO_ANSWER, Trouble.REFUSES])
    async def test_a_look_up_without_an_answer_is_asked_again(self, stand: GatewayStand, trouble: Trouble) -> None:
        async with stand.troubled_readings(trouble) as gateway:
            if stand.gateway.capabilities.looks_up == "by_repeating":
                # There is no reading that could go unanswered; repeating is charging, see above.
                assert isinstance(await gateway.look_up(sent(SOME_CHARGE)), Unknown)
                return
            with pytest.raises(Unavailable):
                await gateway.look_up(sent(SOME_CHARGE))

    async def test_a_stranger_who_knows_nothing_does_not_prove_that_a_charge_never_arrived(
        self, stand: GatewayStand
    ) -> None:
        async with stand.troubled_readings(Trouble.STRANGER) as gateway:
            if stand.gateway.capabilities.looks_up == "by_repeating":
                assert isinstance(await gateway.look_up(sent(SOME_CHARGE)), Unknown)
                return
            with pytest.raises(Misconfigured):
                await gateway.look_up(sent(SOME_CHARGE))

    async def test_what_cannot_be_done_is_said(self, stand: GatewayStand) -> None:
        able = stand.gateway.capabilities
        if not able.lists_methods:
            assert await stand.gateway.payment_methods("cus_somewhere") == ()
        if not able.refreshes_cards:
            assert await stand.gateway.refreshed("cus_somewhere", "card_somewhere", START) is None
        if not able.opens_update_sessions:
            assert able.update_types == ()
            assert not able.confirms
        for payment_type in set(PaymentType) - set(able.update_types):
            with pytest.raises(Misconfigured):
                await stand.gateway.update_session(asking("cus_somewhere", payment_type))
        if not able.confirms:
            confirming = asking("cus_somewhere").model_copy(update={"credential_id": "card_somewhere"})
            with pytest.raises(Misconfigured):
                await stand.gateway.update_session(confirming)

    @pytest.mark.parametrize("payment_type", PaymentType)
    async def test_a_session_says_where_it_is_given_and_what_the_page_must_allow(
        self, stand: GatewayStand, payment_type: PaymentType
    ) -> None:
        if payment_type not in stand.gateway.capabilities.update_types:
            return
        world = sessions_of(stand, "customer")
        session = await stand.gateway.update_session(asking(await world.customer(), payment_type))
        assert session.reference
        assert (session.url is None) is not (session.fields is None)
        if session.fields is not None:
            assert (FIELDS / f"{session.fields.kind}.js").is_file()
            for address in session.fields.scripts:
                assert str(URL(address).origin()) in session.fields.origins.script
            for address in session.fields.styles:
                assert str(URL(address).origin()) in session.fields.origins.style

    @pytest.mark.parametrize("payment_type", PaymentType)
    async def test_what_was_given_is_a_credential_however_often_it_is_asked_for(
        self, stand: GatewayStand, payment_type: PaymentType
    ) -> None:
        if payment_type not in stand.gateway.capabilities.update_types:
            return
        world = sessions_of(stand, "customer", "in_session")
        customer = await world.customer()
        session = await stand.gateway.update_session(asking(customer, payment_type))
        result = await world.in_session(session, Customer.GIVES)
        method = await stand.gateway.given(customer, session.reference, result)
        assert isinstance(method, StoredMethod)
        assert method.credential_id
        assert method.instrument.payment_type is payment_type
        assert await stand.gateway.given(customer, session.reference, result) == method

    @pytest.mark.parametrize(("does", "why"), [(Customer.LEAVES, "unfinished"), (Customer.IS_REFUSED, "refused")])
    async def test_a_session_without_a_way_to_pay_says_why(self, stand: GatewayStand, does: Customer, why: str) -> None:
        world = sessions_of(stand, "customer", "in_session")
        customer, (payment_type, *_) = await world.customer(), stand.gateway.capabilities.update_types
        session = await stand.gateway.update_session(asking(customer, payment_type))
        result = await world.in_session(session, does)
        outcome = await stand.gateway.given(customer, session.reference, result)
        assert isinstance(outcome, NotGiven)
        assert outcome.why == why

    async def test_nobody_gets_what_another_customer_gave(self, stand: GatewayStand) -> None:
        """Reference and result come from a browser."""
        world = sessions_of(stand, "customer", "in_session")
        (payment_type, *_) = stand.gateway.capabilities.update_types
        session = await stand.gateway.update_session(asking(await world.customer(), payment_type))
        result = await world.in_session(session, Customer.GIVES)
        outcome = await stand.gateway.given(await world.customer(), session.reference, result)
        assert isinstance(outcome, NotGiven)

    async def test_a_session_nobody_opened_gives_nothing(self, stand: GatewayStand) -> None:
        world = sessions_of(stand, "customer", "in_session")
        outcome = await stand.gateway.given(await world.customer(), "made-up_by-somebody", {})
        assert isinstance(outcome, NotGiven)

    async def test_a_confirmed_credential_is_the_one_that_was_stored(self, stand: GatewayStand) -> None:
        if not stand.gateway.capabilities.confirms:
            return
        world = sessions_of(stand, "to_confirm", "in_session")
        customer, credential_id = await world.to_confirm()
        request = asking(customer).model_copy(update={"credential_id": credential_id})
        session = await stand.gateway.update_session(request)
        result = await world.in_session(session, Customer.GIVES)
        method = await stand.gateway.given(customer, session.reference, result)
        assert isinstance(method, StoredMethod)
        assert method.credential_id == credential_id

    async def test_what_is_lent_once_is_not_what_later_invoices_are_charged_to(self, stand: GatewayStand) -> None:
        if not stand.gateway.capabilities.pays_once:
            return
        world = sessions_of(stand, "lent_charge", "default_of")
        charge = await world.lent_charge()
        before = await world.default_of(charge.customer_id)
        assert before != charge.credential_id
        assert isinstance(await stand.gateway.charge(charge), Succeeded | Pending)
        assert await world.default_of(charge.customer_id) == before

    async def test_what_is_kept_for_later_is_what_later_invoices_are_charged_to(self, stand: GatewayStand) -> None:
        world = sessions_of(stand, "lent_charge", "default_of")
        charge = await world.lent_charge()
        for _ in range(2):
            await stand.gateway.keep_for_later(charge.customer_id, charge.credential_id, charge.invoice_id)
        assert await world.default_of(charge.customer_id) == charge.credential_id

    def test_keys_live_for_a_while_or_there_are_none(self, stand: GatewayStand) -> None:
        """Where the gateway knows no keys, our own look-up is all there is."""
        able = stand.gateway.capabilities
        assert able.keys_live_for > timedelta(0) or able.looks_up == "by_reading"
