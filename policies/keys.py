"""Ids and keys as functions. Never random: a repeated activity, a replay and a Reset from the Temporal UI mint the
same key again, so the ledger and the gateway recognise what was already done (promise P2)."""

import hashlib

from policies.base import Identifier, Record

WORKFLOW_ID_PREFIX = "dunning"


class CaseRef(Record):
    """Which failed invoice a case recovers. `reopen` counts how often a closed case was opened again."""

    source: Identifier
    account: Identifier
    invoice_id: Identifier
    reopen: int = 0

    @property
    def case_id(self) -> str:
        return f"{self.source}/{self.account}/{self.invoice_id}"

    @property
    def acceptor(self) -> str:
        """The merchant account that attempts go through; networks count per acceptor."""
        return f"{self.source}/{self.account}"

    @property
    def workflow_id(self) -> str:
        return f"{WORKFLOW_ID_PREFIX}/{self.case_id}"

    def customer(self, customer_id: str) -> "CustomerRef":
        """Whose invoice it is, in the same place."""
        return CustomerRef(source=self.source, account=self.account, customer_id=customer_id)

    @classmethod
    def from_case_id(cls, case_id: str) -> "CaseRef":
        """Raises ValueError when the text is no case id."""
        parts = case_id.split("/")
        if len(parts) != 3:
            raise ValueError(f"{case_id!r} is no case id; it looks like source/account/invoice")
        return cls(source=parts[0], account=parts[1], invoice_id=parts[2])


class CustomerRef(Record):
    """A customer, as the source names them."""

    source: Identifier
    account: Identifier
    customer_id: Identifier


def attempt_key(case: CaseRef, ordinal: int) -> str:
    """The idempotency key of one attempt; carried to the gateway's wire."""
    return _key("attempt", case, ordinal)


def message_key(case: CaseRef, ordinal: int, name: str) -> str:
    """`name` is the message's: after a Reset another message may have the same ordinal."""
    return _key(f"message {name}", case, ordinal)


def access_key(case: CaseRef, ordinal: int, level: str) -> str:
    return _key(f"access {level}", case, ordinal)


def task_key(case: CaseRef, ordinal: int) -> str:
    return _key("task", case, ordinal)


def ending_key(case: CaseRef) -> str:
    """Of a claim's end at its owner."""
    return _key("ending", case, 0)


def migration_key(case: CaseRef, ordinal: int, sha256: str) -> str:
    """`ordinal`: how many times the case was moved before, so that it can be moved back and forth; `sha256` is that of
    the policy it is given."""
    return _key(f"policy {sha256}", case, ordinal)


def _key(purpose: str, case: CaseRef, ordinal: int) -> str:
    text = f"{purpose}\n{case.case_id}\n{case.reopen}\n{ordinal}"
    return f"{purpose[:3]}_{hashlib.sha256(text.encode()).hexdigest()[:40]}"
