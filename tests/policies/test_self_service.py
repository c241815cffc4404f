"""What the page may offer, and why it may not; what an instalment is."""

from datetime import timedelta
from typing import Any

import pytest

from policies import record_actions
from policies.document import PartPayments, PlanTerms, PolicyDocument, PromiseTerms, SelfService
from policies.events import AgreePlan, AskForHelp, Instalment, PromiseToPay, UpdatePaymentMethod
from policies.money import Money
from policies.self_service import instalments_of, page_offers, why_not_offered
from tests.policies.timeline import DUE, SELF_SERVE, case, day

THREE = PlanTerms(instalments=3, every=timedelta(days=14))
PAGE = SelfService(part=PartPayments(least_percent=30), plans=(THREE,), promise=PromiseTerms(within=timedelta(days=10)))


def policy(**page: Any) -> PolicyDocument:
    return SELF_SERVE.model_copy(update={"page": PAGE.model_copy(update=page)})


def euros(minor: int) -> Money:
    return Money(amount_minor=minor, currency="EUR")


def pays(amount: Money | None = None, keep: bool = True) -> UpdatePaymentMethod:
    return UpdatePaymentMethod(action_id="a", credential_id="card_new", amount=amount, keep=keep)


def agrees(*minors: int, every: timedelta = timedelta(days=14)) -> AgreePlan:
    parts = tuple(Instalment(at=day(0) + n * every, amount=euros(minor)) for n, minor in enumerate(minors))
    return AgreePlan(action_id="plan", credential_id="card_new", instalments=parts)


def promises(on: float, action_id: str = "promise") -> PromiseToPay:
    return PromiseToPay(action_id=action_id, due_at=day(on))


def test_instalments_add_up_to_what_is_owed_and_the_first_takes_what_is_left_over() -> None:
    parts = instalments_of(THREE, DUE, day(1))
    assert [part.amount.amount_minor for part in parts] == [968, 966, 966]
    assert [part.at for part in parts] == [day(1), day(15), day(29)]
    assert instalments_of(THREE, euros(2), day(1)) == ()


def test_the_page_offers_what_the_policy_names() -> None:
    offers = page_offers(policy(), case(), day(1))
    assert offers.least == euros(870)
    assert [len(plan.instalments) for plan in offers.plans] == [3]
    assert offers.promise_until == day(11)
    nothing = page_offers(policy(part=None, plans=(), promise=None), case(), day(1))
    assert nothing == (None, (), None, False)


def test_a_day_may_be_named_as_often_as_the_policy_says() -> None:
    promised = record_actions.with_action(case(), promises(2), day(1))
    over = promised.model_copy(update={"promises": (promised.promises[0].model_copy(update={"due_at": day(0)}),)})
    assert page_offers(policy(), over, day(3)).promise_until is None
    twice = policy(promise=PromiseTerms(within=timedelta(days=5), times=2))
    hopeless = over.model_copy(update={"invoice": over.invoice.model_copy(update={"last_decline": None})})
    assert page_offers(twice, hopeless, day(3)).promise_until == day(8)


def test_while_something_is_agreed_only_paying_is_left() -> None:
    promised = record_actions.with_action(case(), promises(5), day(1))
    offers = page_offers(policy(), promised, day(2))
    assert offers.agreed
    assert not offers.plans
    assert offers.promise_until is None
    assert offers.least == euros(870)
    assert page_offers(policy(part=None), promised, day(2)).least is None


@pytest.mark.parametrize(
    ("action", "refused"),
    [
        (pays(), None),
        (pays(DUE), None),
        (pays(euros(870)), None),
        (pays(euros(869)), "between 8.70 EUR and 29.00 EUR"),
        (pays(euros(2901)), "between"),
        (pays(Money(amount_minor=1000, currency="USD")), "between"),
        (pays(keep=False), None),
        (agrees(968, 966, 966), None),
        (agrees(966, 966, 968), "not offered"),
        (promises(5), None),
        (promises(12), None),
        (promises(13), "must lie before"),
        (promises(0.5), "must lie before"),
        (AskForHelp(action_id="h"), None),
    ],
)
def test_what_is_not_offered_is_refused_with_a_reason(action: Any, refused: str | None) -> None:
    why = why_not_offered(policy(), case(), action, day(1))
    assert why is None if refused is None else refused in (why or "")


def test_a_policy_that_lets_customers_do_nothing_of_it_says_so() -> None:
    strict = policy(part=None, plans=(), promise=None, pay_once=False)
    assert "only all of 29.00 EUR" in (why_not_offered(strict, case(), pays(euros(1000)), day(1)) or "")
    assert "lent" in (why_not_offered(strict, case(), pays(keep=False), day(1)) or "")
    assert "no day" in (why_not_offered(strict, case(), promises(3), day(1)) or "")


def test_the_smallest_part_is_never_all_of_it() -> None:
    tiny = case().model_copy(update={"invoice": case().invoice.model_copy(update={"due": euros(1)})})
    assert page_offers(policy(), tiny, day(1)).least is None
