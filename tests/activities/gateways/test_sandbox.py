from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import aiohttp
import pytest
from yarl import URL

from activities.errors import Misconfigured
from activities.gateways.contract import (
    Declined,
    Gateway,
    GatewayCharge,
    NeverArrived,
    NotGiven,
    Origins,
    StoredMethod,
    Succeeded,
    Unknown,
    UpdateSession,
)
from activities.gateways.sandbox import SandboxGateway
from activities.sandbox_client import SandboxClient
from policies.declines import Category
from policies.instruments import Network, PaymentType
from policies.money import Money
from tests.activities.gateways.contract import SOME_CHARGE, Charge, Customer, GatewayContract, asking, sent
from tests.fixtures.sandbox import START, RunningSandbox, day
from tests.fixtures.troubled import Trouble, troubled

STORY_OF = {
    Charge.PAYS: "generic",
    Charge.IS_DECLINED: "insufficient_funds",
    Charge.IS_DECLINED_STRANGELY: "unmapped_code",
    Charge.IS_PENDING: "generic",
    Charge.IS_REFUSED: "generic",
}
CARD = {"number": "4242 4242 4242 4242", "expiry": "08 / 35", "cvc": "123"}
ACCOUNT = {"iban": "DE89 3704 0044 0532 0130 00", "holder": "Ada"}
TYPED: tuple[dict[str, object], ...] = ({**CARD}, {**ACCOUNT}, {})
"""A session takes what is of its own type and refuses the rest; an empty body presses the wallet's button."""
REFUSED: tuple[dict[str, object], ...] = ({**CARD, "number": "4000 0000 0000 0127"},)


class SandboxStand:
    def __init__(self, sandbox: RunningSandbox) -> None:
        self.sandbox = sandbox
        self.gateway: Gateway = SandboxGateway(sandbox.client())

    async def charge_that(self, comes_to: Charge) -> GatewayCharge:
        charge = await self.charge_of(STORY_OF[comes_to])
        if comes_to is Charge.IS_REFUSED:
            return charge.model_copy(update={"credential_id": "card_nobody_has"})
        if comes_to is Charge.IS_PENDING:
            return charge.model_copy(update={"credential_id": await self._pending_card(charge)})
        return charge

    async def charge_of(self, story: str, key: str = "att_first") -> GatewayCharge:
        failure = await self.sandbox.failure(story)
        return GatewayCharge(
            key=key,
            invoice_id=failure["invoice_id"],
            credential_id=failure["credential_id"],
            amount=Money(amount_minor=failure["amount_minor"], currency=failure["currency"]),
            now=START,
        )

    async def money_taken(self, charge: GatewayCharge) -> int:
        return sum(line["status"] == "succeeded" for line in await self.sandbox.ledger(charge.invoice_id))

    @asynccontextmanager
    async def troubled(self, trouble: Trouble) -> AsyncIterator[tuple[Gateway, GatewayCharge]]:
        async with self.troubled_readings(trouble) as gateway:
            yield gateway, SOME_CHARGE

    @asynccontextmanager
    async def troubled_readings(self, trouble: Trouble) -> AsyncIterator[Gateway]:
        async with troubled(trouble) as url, aiohttp.ClientSession() as session:
            yield SandboxGateway(SandboxClient(session, url, timeout_seconds=0.5))

    async def customer(self) -> str:
        customer: str = (await self.sandbox.failure("generic"))["customer_id"]
        return customer

    async def in_session(self, session: UpdateSession, customer: Customer) -> Mapping[str, str]:
        """What the frame sends, from the sandbox's own origin."""
        if customer is not Customer.LEAVES:
            for typed in TYPED if customer is Customer.GIVES else REFUSED:
                await self._send(session, "", typed)
            await self._send(session, "/challenge", {"confirmed": True})
        return {"session": session.reference}

    async def to_confirm(self) -> tuple[str, str]:
        failure = await self.sandbox.failure("authentication_required")
        return failure["customer_id"], failure["credential_id"]

    async def lent_charge(self) -> GatewayCharge:
        charge = await self.charge_of("do_not_honor")
        customer_id: str = (await self.sandbox.invoice(charge.invoice_id))["customer_id"]
        changes = {"credential_id": await self._card(customer_id, "good"), "customer_id": customer_id, "keep": False}
        return charge.model_copy(update=changes)

    async def default_of(self, customer_id: str) -> str | None:
        cards = (await self.sandbox.get(f"/gateway/customers/{customer_id}/cards")).body["cards"]
        return next((card["credential_id"] for card in cards if card["is_default"]), None)

    async def _send(self, session: UpdateSession, path: str, body: dict[str, object]) -> None:
        await self.sandbox.post(f"/gateway/fields/{session.reference}{path}", body, at=datetime.now(UTC))

    async def _pending_card(self, charge: GatewayCharge) -> str:
        customer_id = (await self.sandbox.invoice(charge.invoice_id))["customer_id"]
        return await self._card(customer_id, "pending")

    async def _card(self, customer_id: str, kind: str) -> str:
        reply = await self.sandbox.post(f"/world/customers/{customer_id}/cards", {"kind": kind})
        card: str = reply.body["credential_id"]
        return card


@pytest.fixture
def stand(sandbox: RunningSandbox) -> SandboxStand:
    return SandboxStand(sandbox)


class TestSandboxGateway(GatewayContract):
    async def test_an_answer_that_never_comes_is_unknown_and_the_look_up_finds_the_money(
        self, stand: SandboxStand
    ) -> None:
        charge = await stand.charge_of("answer_never_comes")
        assert isinstance(await stand.gateway.charge(charge), Unknown)
        assert await stand.money_taken(charge) == 1
        assert isinstance(await stand.gateway.look_up(sent(charge)), Succeeded)
        assert isinstance(await stand.gateway.charge(charge), Succeeded)
        assert await stand.money_taken(charge) == 1

    async def test_a_request_that_never_arrives_is_unknown_until_the_look_up(self, stand: SandboxStand) -> None:
        charge = await stand.charge_of("never_arrives")
        assert isinstance(await stand.gateway.charge(charge), Unknown)
        assert await stand.gateway.look_up(sent(charge)) == NeverArrived()
        second = charge.model_copy(update={"key": "att_second"})
        assert isinstance(await stand.gateway.charge(second), Succeeded)
        assert await stand.money_taken(charge) == 1

    @pytest.mark.parametrize("change", ["pay", "void", "cancel"])
    async def test_an_invoice_settled_elsewhere_is_unknown_and_never_a_decline(
        self, stand: SandboxStand, change: str
    ) -> None:
        charge = await stand.charge_of("generic")
        await stand.sandbox.post(f"/world/invoices/{charge.invoice_id}/{change}")
        assert isinstance(await stand.gateway.charge(charge), Unknown)
        assert await stand.gateway.look_up(sent(charge)) == NeverArrived()
        assert await stand.sandbox.ledger(charge.invoice_id) == []

    async def test_the_case_s_own_time_reaches_the_gateway(self, stand: SandboxStand) -> None:
        charge = await stand.charge_of("insufficient_funds")
        early = charge.model_copy(update={"now": day(4)})
        late = charge.model_copy(update={"now": day(5), "key": "att_second"})
        assert isinstance(await stand.gateway.charge(early), Declined)
        assert isinstance(await stand.gateway.charge(late), Succeeded)

    async def test_a_connection_that_died_while_idle_never_makes_a_charge_twice(self, stand: SandboxStand) -> None:
        """The server hangs up after the first charge; the next POST goes over a new connection or is Unknown."""
        silent = await stand.charge_of("answer_never_comes")
        await stand.gateway.charge(silent)
        charge = await stand.charge_of("generic", key="att_other")
        assert isinstance(await stand.gateway.charge(charge), Succeeded | Unknown)
        assert await stand.money_taken(charge) == 1

    async def test_its_fields_come_from_where_browsers_find_it(self, stand: SandboxStand) -> None:
        public = SandboxGateway(stand.sandbox.client(), public_url="https://sandbox.example/below/")
        for gateway, base in ((stand.gateway, stand.sandbox.url), (public, "https://sandbox.example/below")):
            fields = (await gateway.update_session(asking(await stand.customer()))).fields
            assert fields is not None
            origin = str(URL(base).origin())
            assert (fields.scripts, fields.origins) == (
                (f"{base}/gateway/fields.js",),
                Origins(script=(origin,), frame=(origin,)),
            )

    async def test_it_tells_what_a_customer_sees_of_her_card_and_never_more(self, stand: SandboxStand) -> None:
        customer = await stand.customer()
        methods = [await self.given(stand, customer) for _ in range(2)]
        for method in methods:
            assert (method.instrument.network, method.last4, method.expires) == (Network.VISA, "4242", "2035-08")
        assert methods[0].credential_id != methods[1].credential_id
        assert methods[0].fingerprint == methods[1].fingerprint
        listed = {method.credential_id: method for method in await stand.gateway.payment_methods(customer)}
        assert [listed[method.credential_id] for method in methods] == methods

    async def test_a_debit_is_of_the_scheme_it_runs_under(self, stand: SandboxStand) -> None:
        method = await self.given(stand, await stand.customer(), PaymentType.BANK_DEBIT)
        assert (method.instrument.network, method.last4, method.expires) == (Network.SEPA, "3000", None)

    async def given(
        self, stand: SandboxStand, customer: str, payment_type: PaymentType = PaymentType.CARD
    ) -> StoredMethod:
        session = await stand.gateway.update_session(asking(customer, payment_type))
        result = await stand.in_session(session, Customer.GIVES)
        method = await stand.gateway.given(customer, session.reference, result)
        assert isinstance(method, StoredMethod)
        return method

    async def test_a_refusal_in_the_fields_has_the_bank_s_reason(self, stand: SandboxStand) -> None:
        customer = await stand.customer()
        session = await stand.gateway.update_session(asking(customer))
        result = await stand.in_session(session, Customer.IS_REFUSED)
        outcome = await stand.gateway.given(customer, session.reference, result)
        assert isinstance(outcome, NotGiven)
        assert outcome.decline is not None
        assert outcome.decline.category is Category.INCORRECT_DETAILS

    async def test_a_result_of_another_session_is_forged(self, stand: SandboxStand) -> None:
        customer = await stand.customer()
        session = await stand.gateway.update_session(asking(customer))
        await stand.in_session(session, Customer.GIVES)
        forged = await stand.gateway.given(customer, session.reference, {"session": "ses_other"})
        assert forged == NotGiven(why="unknown")

    async def test_a_confirmed_card_is_good_for_charges(self, stand: SandboxStand) -> None:
        charge = await stand.charge_of("authentication_required")
        assert isinstance(await stand.gateway.charge(charge), Declined)
        customer = (await stand.sandbox.invoice(charge.invoice_id))["customer_id"]
        request = asking(customer).model_copy(update={"credential_id": charge.credential_id})
        session = await stand.gateway.update_session(request)
        await stand.in_session(session, Customer.GIVES)
        assert isinstance(await stand.gateway.charge(charge.model_copy(update={"key": "att_second"})), Succeeded)

    async def test_a_customer_or_card_it_does_not_know_is_our_fault(self, stand: SandboxStand) -> None:
        customer, other = await stand.customer(), await stand.sandbox.failure("generic")
        confirming = asking(customer).model_copy(update={"credential_id": other["credential_id"]})
        for request in (asking("cus_nobody"), confirming):
            with pytest.raises(Misconfigured):
                await stand.gateway.update_session(request)
        with pytest.raises(Misconfigured):
            await stand.gateway.keep_for_later(customer, other["credential_id"], "in_any")

    async def test_customers_can_be_sent_to_a_page_instead(self, stand: SandboxStand) -> None:
        gateway = SandboxGateway(stand.sandbox.client(), public_url="https://sandbox.example", redirects=True)
        session = await gateway.update_session(asking(await stand.customer()))
        assert session.fields is None
        assert session.url == f"https://sandbox.example/gateway/pages/{session.reference}"
