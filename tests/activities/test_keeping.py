"""What a customer gave and what paid becomes what later invoices are charged to; what was lent for once does not."""

from dataclasses import replace

import pytest

from activities.charging import Charging
from activities.contracts import ChargeRequest, KeepRequest
from activities.errors import Misconfigured, Unavailable
from activities.gateways.sandbox import SandboxGateway
from policies.facts import Outcome
from policies.instruments import Initiator
from policies.money import Money
from tests.activities.test_charging import Till, till

__all__ = ["till"]


class Failing(SandboxGateway):
    error: Exception

    async def keep_for_later(self, customer_id: str, credential_id: str, invoice_id: str) -> None:
        raise self.error


async def given_by_customer(till: Till, **more: object) -> ChargeRequest:
    request = await till.request()
    card = await till.sandbox.post(f"/world/customers/{request.customer_id}/cards", {"kind": "good"})
    changes = {"credential_id": card.body["credential_id"], "initiator": Initiator.CUSTOMER, **more}
    return request.model_copy(update=changes)


def to_keep(request: ChargeRequest) -> KeepRequest:
    return KeepRequest(
        case=request.case,
        key=request.key,
        gateway="sandbox",
        customer_id=request.customer_id,
        credential_id=request.credential_id,
        now=request.now,
    )


def failing(till: Till, error: Exception) -> Charging:
    gateway = Failing(till.sandbox.client(timeout_seconds=1))
    gateway.error = error
    return Charging(till.store, replace(till.adapters, gateways={"sandbox": gateway}))


async def default_of(till: Till, customer_id: str) -> str:
    methods = await till.adapters.gateway("sandbox").payment_methods(customer_id)
    return methods[0].credential_id


async def test_only_what_the_customer_gave_to_be_kept_is_kept(till: Till) -> None:
    request = await given_by_customer(till)
    answer = await till.charging.charge(request)
    assert (answer.kind, getattr(answer, "keeps", None)) == ("attempted", True)
    lent = await given_by_customer(till, keep=False)
    assert getattr(await till.charging.charge(lent), "keeps", None) is False
    assert await default_of(till, lent.customer_id) != lent.credential_id
    ours = await till.request()
    assert getattr(await till.charging.charge(ours), "keeps", None) is False


async def test_a_part_leaves_the_rest_open_and_more_than_is_owed_is_not_charged(till: Till) -> None:
    request = await given_by_customer(till)
    part = Money(amount_minor=request.amount.amount_minor - 900, currency=request.amount.currency)
    answer = await till.charging.charge(request.model_copy(update={"amount": part, "owed": request.amount}))
    assert getattr(answer, "outcome", None) is Outcome.SUCCEEDED
    again = request.model_copy(update={"key": "att_again", "owed": request.amount})
    stale = await till.charging.charge(again)
    assert stale.kind == "stale"
    assert stale.invoice.due.amount_minor == 900


async def test_it_becomes_the_default_at_the_gateway(till: Till) -> None:
    request = await given_by_customer(till, keep=False)
    await till.charging.keep_for_later(to_keep(request))
    assert await default_of(till, request.customer_id) == request.credential_id


async def test_what_the_gateway_refuses_is_a_task_once(till: Till) -> None:
    request = to_keep(await given_by_customer(till))
    charging = failing(till, Misconfigured("no subscription is behind this invoice"))
    for _ in range(2):
        await charging.keep_for_later(request)
    tasks = await till.store.cases.open_tasks()
    assert [(task.kind, task.case_id) for task in tasks] == [("keep_for_later", request.case.case_id)]
    assert "no subscription" in tasks[0].summary


async def test_what_is_away_is_tried_again_by_temporal(till: Till) -> None:
    request = to_keep(await given_by_customer(till))
    with pytest.raises(Unavailable):
        await failing(till, Unavailable("503")).keep_for_later(request)
    assert await till.store.cases.open_tasks() == []
