"""Which of the ways to pay that a policy offers can be taken: what no gateway can collect is not promised."""

from policies.instruments import PaymentType
from policies.situation import Situation

COLLECTED_AS = {
    "card": PaymentType.CARD,
    "other_card": PaymentType.CARD,
    "direct_debit": PaymentType.BANK_DEBIT,
    "wallet": PaymentType.WALLET,
}
"""Offers that need a gateway; every other word is the merchant's own, such as a bank transfer or another plan."""


def possible(here: Situation, offers: tuple[str, ...]) -> tuple[str, ...]:
    """In their order; all of them where it is not known who collects."""
    gateways = here.around.gateways
    if not gateways:
        return offers
    kinds = {kind for gateway in gateways for kind in gateway.payment_types}
    return tuple([offer for offer in offers if offer not in COLLECTED_AS or COLLECTED_AS[offer] in kinds])
