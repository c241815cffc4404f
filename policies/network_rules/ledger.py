"""What the rules look at: the attempts that were made on a credential, and the one that is proposed."""

from policies.base import Record, UtcTime
from policies.declines import Decline
from policies.facts import Outcome
from policies.instruments import Initiator, Network
from policies.invoices import Actor
from policies.money import Money


class LedgerEntry(Record):
    """One attempt on the credential, whoever made it. `outcome` None: reserved, nothing heard yet. `claim`: the case
    whose invoice it was to collect. `acceptor`: the merchant account it went through."""

    key: str
    actor: Actor
    at: UtcTime
    amount: Money
    outcome: Outcome | None = None
    decline: Decline | None = None
    acceptor: str = ""
    claim: str | None = None
    initiator: Initiator = Initiator.MERCHANT


class ProposedAttempt(Record):
    """`region`: ISO 3166 country of the issuer, `fingerprint`: the card's under any token; None when nobody told."""

    credential_id: str
    amount: Money
    network: Network = Network.OTHER
    region: str | None = None
    acceptor: str = ""
    claim: str | None = None
    initiator: Initiator = Initiator.MERCHANT
    fingerprint: str | None = None
