"""What the customer has heard already, as far as a decision knows: from this case's own facts, and from the customer's
ledger, which other cases write as well."""

from datetime import datetime

from policies.document import STAGES
from policies.keys import message_key
from policies.said import Message, MessageStatus
from policies.situation import Situation
from policies.surroundings import Contacted

_NOBODY_HEARD = frozenset({MessageStatus.UNDELIVERED, MessageStatus.HELD_OUT, MessageStatus.COVERED})


def contacts(here: Situation) -> tuple[Contacted, ...]:
    """The ledger was read just before; what it does not hold is what only this case knows (in a preview)."""
    known = here.around.contacts
    keys = {contact.key for contact in known}
    own = [_as_contact(here, m) for m in here.facts.messages if m.status not in _NOBODY_HEARD]
    return (*known, *(contact for contact in own if contact.key not in keys))


def _as_contact(here: Situation, message: Message) -> Contacted:
    case = here.facts.case
    return Contacted(
        key=message_key(case, message.ordinal, message.name),
        at=message.at,
        case_id=case.case_id,
        stage=STAGES.get(message.template, message.template),
        channel=message.channel,
        covers=message.covers,
    )


def lost_at(here: Situation, message: Message) -> datetime | None:
    """When it is known, or must be assumed, that the message reached nobody; None: it is not lost. A message whose fate
    nobody tells counts as lost when the time for it is over (it is never sent again on that channel); thanks do not."""
    if not message.asked:
        return None
    if message.status is MessageStatus.UNDELIVERED:
        return message.reported_at or message.at
    if message.status is MessageStatus.UNCLEAR and not here.facts.is_paid:
        return message.at + here.policy.contact.receipt_window
    return None
