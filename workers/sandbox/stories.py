"""The failures the sandbox can tell: one row per story. Times in `card` are relative to the moment of the failure."""

from datetime import datetime, timedelta

from policies.base import Record

BENEFITS = ("bonus_credits", "add_ons", "priority_support", "usage_credits")


class Story(Record):
    """`code` is the decline of the first, failed attempt; `card` is the kind of card that attempt was made on.

    `begins_after` and `ends_after` are counted from the failure, for kinds that change with time.
    """

    name: str
    says: str
    card: str
    code: str
    begins_after: timedelta | None = None
    ends_after: timedelta | None = None
    paid_when_read: bool = False
    segment: str = "self_serve"
    amount_minor: int = 2900
    currency: str = "EUR"
    benefits: tuple[str, ...] = BENEFITS

    def card_params(self, failed_at: datetime) -> dict[str, str]:
        """JSON-ready parameters of the card."""
        params = {}
        if self.begins_after is not None:
            params["from"] = (failed_at + self.begins_after).isoformat()
        if self.ends_after is not None:
            params["until"] = (failed_at + self.ends_after).isoformat()
        return params


_ROWS = (
    Story(
        name="insufficient_funds",
        says="The account is empty until the fifth day; then a retry goes through.",
        card="insufficient_until",
        code="insufficient_funds",
        ends_after=timedelta(days=5),
    ),
    Story(
        name="expired_card",
        says="The card has expired; only a new one helps.",
        card="expired",
        code="expired_card",
    ),
    Story(
        name="issuer_down",
        says="The customer's bank cannot be reached for two hours.",
        card="issuer_down",
        code="issuer_not_available",
        begins_after=timedelta(0),
        ends_after=timedelta(hours=2),
    ),
    Story(
        name="lost_card",
        says="The card was reported lost; it must never be charged again.",
        card="lost",
        code="lost_card",
    ),
    Story(
        name="authentication_required",
        says="The bank wants the customer to confirm the payment.",
        card="needs_authentication",
        code="authentication_required",
    ),
    Story(
        name="answer_never_comes",
        says="The next charge takes the money, but its answer is lost on the way.",
        card="silent",
        code="insufficient_funds",
    ),
    Story(
        name="never_arrives",
        says="The next charge is lost on the way and no money moves; the one after it goes through.",
        card="silent_lost_once",
        code="insufficient_funds",
    ),
    Story(
        name="do_not_honor",
        says="The bank refuses and gives no reason.",
        card="do_not_honor",
        code="do_not_honor",
        segment="premium",
        amount_minor=49_00,
    ),
    Story(
        name="fraud_suspect",
        says="The card would pay, but the fraud check sees card testing.",
        card="fraud_suspect",
        code="insufficient_funds",
    ),
    Story(
        name="unmapped_code",
        says="The gateway answers with a code nobody has seen before.",
        card="unmapped_code",
        code="some_new_code",
    ),
    Story(
        name="already_paid",
        says="By the time anybody reads the invoice, it is paid.",
        card="good",
        code="insufficient_funds",
        paid_when_read=True,
    ),
    Story(
        name="generic",
        says="The gateway stumbled once; the card is good.",
        card="good",
        code="processing_error",
        segment="enterprise",
        amount_minor=1_200_00,
    ),
)

STORIES: dict[str, Story] = {story.name: story for story in _ROWS}
