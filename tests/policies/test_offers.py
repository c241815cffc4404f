"""Nothing is offered that nobody can collect."""

from policies.decide import next_step
from policies.declines import Category
from policies.instruments import PaymentType
from policies.offers import possible
from policies.situation import Situation
from policies.steps import Offer
from policies.surroundings import GatewayView, Surroundings
from tests.policies.timeline import SELF_SERVE, START, case, day, everything_told

CARDS = GatewayView(name="stripe/default", payment_types=(PaymentType.CARD,))
DEBITS = GatewayView(name="gocardless/main", payment_types=(PaymentType.BANK_DEBIT,))
OFFERS = ("direct_debit", "wallet", "bank_transfer", "other_card")


def offered(*gateways: GatewayView) -> tuple[str, ...]:
    return possible(Situation.of(SELF_SERVE, case(), Surroundings(gateways=gateways), START), OFFERS)


def test_what_no_gateway_of_the_case_collects_is_left_out_and_the_merchant_s_own_words_stay() -> None:
    assert offered(CARDS) == ("bank_transfer", "other_card")
    assert offered(CARDS, DEBITS) == ("direct_debit", "bank_transfer", "other_card")
    assert offered() == OFFERS


def test_the_message_names_what_is_left() -> None:
    waiting = case(Category.EXPIRED_CARD, messages=everything_told(SELF_SERVE, day(-9))[:-1])
    step = next_step(SELF_SERVE, waiting, Surroundings(gateways=(CARDS,)), day(6))
    assert isinstance(step, Offer)
    assert step.offers == step.words.offers == ("bank_transfer", "other_card")


def test_an_offer_of_which_nothing_is_left_is_not_made() -> None:
    (offer,) = SELF_SERVE.offers
    only_debits = SELF_SERVE.model_copy(
        update={"offers": (offer.model_copy(update={"offers": ("direct_debit", "wallet")}),)}
    )
    waiting = case(Category.EXPIRED_CARD, messages=everything_told(SELF_SERVE, day(-9))[:-1])
    assert next_step(only_debits, waiting, Surroundings(gateways=(CARDS,)), day(6)).kind != "offer"
    assert next_step(only_debits, waiting, Surroundings(), day(6)).kind == "offer"
