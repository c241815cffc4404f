"""What a refusal may mean, and how each meaning is handled. A new category needs a row in TREATMENTS; a test asks the
question when it is missing. Which code means what stands in `data/`, a table per gateway and network.

Source of categories and treatments: our own study of 2026-11-22.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator

from policies.base import Record
from policies.card_numbers import without_card_numbers


class Category(StrEnum):
    INSUFFICIENT_FUNDS = "insufficient_funds"
    VELOCITY_LIMIT = "velocity_limit"
    DO_NOT_HONOR = "do_not_honor"
    ISSUER_UNAVAILABLE = "issuer_unavailable"
    GATEWAY_ERROR = "gateway_error"
    MERCHANT_CONFIG = "merchant_config"
    EXPIRED_CARD = "expired_card"
    NEW_ACCOUNT_INFO = "new_account_info"
    INVALID_ACCOUNT = "invalid_account"
    ACCOUNT_CLOSED = "account_closed"
    INCORRECT_DETAILS = "incorrect_details"
    LOST_OR_STOLEN = "lost_or_stolen"
    SUSPECTED_FRAUD = "suspected_fraud"
    RESTRICTED = "restricted"
    NOT_PERMITTED = "not_permitted"
    AUTHENTICATION_REQUIRED = "authentication_required"
    MANDATE_CANCELLED = "mandate_cancelled"
    MANDATE_INVALID = "mandate_invalid"
    PAYMENT_DISPUTED = "payment_disputed"
    CUSTOMER_DECLINED = "customer_declined"
    ACCOUNT_HOLDER_DECEASED = "account_holder_deceased"
    RETRY_BLOCKED = "retry_blocked"
    DUPLICATE = "duplicate"
    UNKNOWN = "unknown"


class Retryable(StrEnum):
    YES = "yes"
    AFTER_CUSTOMER_ACTION = "after_customer_action"
    NO = "no"


class CustomerAction(StrEnum):
    """What only the customer can do about it."""

    NONE = "none"
    WAIT_FUNDS = "wait_funds"
    CONTACT_BANK = "contact_bank"
    UPDATE_METHOD = "update_method"
    AUTHENTICATE = "authenticate"


Starred = Annotated[str, AfterValidator(without_card_numbers)]
"""Another system's word. It is starred rather than refused: money may have moved, and the answer must not be lost."""


class Decline(Record):
    """One refusal, in the gateway's words and in ours. `code` keeps the raw form. `earliest_retry`: how long after the
    attempt a retry is of use at the earliest, when code or advice says so."""

    gateway: str
    code: Starred
    network_code: Starred | None = None
    advice_code: Starred | None = None
    category: Category
    retryable: Retryable
    customer_action: CustomerAction
    fraud_signal: bool = False
    earliest_retry: timedelta | None = None
    decided_by: str = ""


class Treatment(Record):
    """How a category is handled.

    `technical`: time heals it within hours, so the immediate rungs apply. `blames_customer` false: the fault lies with
    gateway, bank or merchant, so service is never limited or suspended for it. `tries`: automatic tries at most.
    `contact` false: nothing automatic is ever written to the customer; then `for_a_person` says what somebody must do.
    """

    retryable: Retryable
    customer_action: CustomerAction
    technical: bool = False
    blames_customer: bool = True
    fraud_signal: bool = False
    tries: int | None = None
    contact: bool = True
    for_a_person: str = ""


_YES, _AFTER, _NO = Retryable.YES, Retryable.AFTER_CUSTOMER_ACTION, Retryable.NO
_NONE, _WAIT, _BANK = (
    CustomerAction.NONE,
    CustomerAction.WAIT_FUNDS,
    CustomerAction.CONTACT_BANK,
)
_UPDATE, _CONFIRM = CustomerAction.UPDATE_METHOD, CustomerAction.AUTHENTICATE

TREATMENTS: dict[Category, Treatment] = {
    Category.INSUFFICIENT_FUNDS: Treatment(retryable=_YES, customer_action=_WAIT),
    Category.VELOCITY_LIMIT: Treatment(retryable=_YES, customer_action=_NONE),
    Category.DO_NOT_HONOR: Treatment(retryable=_YES, customer_action=_BANK),
    Category.ISSUER_UNAVAILABLE: Treatment(
        retryable=_YES, customer_action=_NONE, technical=True, blames_customer=False
    ),
    Category.GATEWAY_ERROR: Treatment(retryable=_YES, customer_action=_NONE, technical=True, blames_customer=False),
    Category.MERCHANT_CONFIG: Treatment(
        retryable=_NO,
        customer_action=_NONE,
        blames_customer=False,
        contact=False,
        for_a_person="the fault lies in our own account or request; nobody is charged or written to until it is mended",
    ),
    Category.EXPIRED_CARD: Treatment(retryable=_AFTER, customer_action=_UPDATE),
    Category.NEW_ACCOUNT_INFO: Treatment(retryable=_AFTER, customer_action=_UPDATE),
    Category.INVALID_ACCOUNT: Treatment(retryable=_NO, customer_action=_UPDATE),
    Category.ACCOUNT_CLOSED: Treatment(retryable=_NO, customer_action=_UPDATE),
    Category.INCORRECT_DETAILS: Treatment(retryable=_AFTER, customer_action=_UPDATE),
    Category.LOST_OR_STOLEN: Treatment(retryable=_NO, customer_action=_UPDATE, fraud_signal=True),
    Category.SUSPECTED_FRAUD: Treatment(retryable=_NO, customer_action=_BANK, fraud_signal=True),
    Category.RESTRICTED: Treatment(retryable=_AFTER, customer_action=_BANK),
    Category.NOT_PERMITTED: Treatment(retryable=_NO, customer_action=_UPDATE),
    Category.AUTHENTICATION_REQUIRED: Treatment(retryable=_AFTER, customer_action=_CONFIRM),
    Category.MANDATE_CANCELLED: Treatment(retryable=_NO, customer_action=_UPDATE),
    Category.MANDATE_INVALID: Treatment(retryable=_AFTER, customer_action=_UPDATE),
    Category.PAYMENT_DISPUTED: Treatment(retryable=_NO, customer_action=_UPDATE, fraud_signal=True),
    Category.CUSTOMER_DECLINED: Treatment(retryable=_AFTER, customer_action=_BANK),
    Category.ACCOUNT_HOLDER_DECEASED: Treatment(
        retryable=_NO,
        customer_action=_NONE,
        blames_customer=False,
        contact=False,
        for_a_person="the account holder is reported dead; nothing automatic is charged or written any more",
    ),
    Category.RETRY_BLOCKED: Treatment(retryable=_NO, customer_action=_UPDATE),
    Category.DUPLICATE: Treatment(
        retryable=_NO,
        customer_action=_NONE,
        blames_customer=False,
        contact=False,
        for_a_person="looks like a payment that was made before; find that one before anything is charged",
    ),
    Category.UNKNOWN: Treatment(retryable=_YES, customer_action=_BANK, tries=2),
}

VAGUE = frozenset({Category.DO_NOT_HONOR, Category.UNKNOWN})
"""Refusals without a reason: any reason given beside them says more."""
