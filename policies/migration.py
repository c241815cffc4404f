"""Whether a running case may be given another policy, and what is kept of it. The deliberate exception to P7.

What the case has done stays done: rungs used, messages told by name, access taken. The new policy decides what comes
next, and what is overdue under it is due at once; `recoup policy impact` shows that beforehand.
"""

from datetime import datetime
from typing import Annotated

from pydantic import StringConstraints

from policies.document import MAX_BYTES, PolicySnapshot, canonical_json
from policies.events import OpsAction
from policies.facts import CaseFacts
from policies.policy_change import PolicyChange
from policies.record import with_policy_change

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class MigrateRequest(OpsAction):
    """`expected_sha256`: the policy the case had when somebody looked; if it has another by now, nothing moves."""

    expected_sha256: Sha256
    policy: PolicySnapshot


def refusal_of_migration(facts: CaseFacts, held: PolicySnapshot, asked: MigrateRequest) -> str | None:
    """Why the case stays with the policy it holds, in a sentence; None when it may move, or has moved by this very
    request."""
    if asked.action_id in facts.seen:
        has_it = held.sha256 == asked.policy.sha256
        return None if has_it else f"this was done before; the case was given {held.document.edition} since"
    if facts.is_paid or facts.ending or facts.close_asked or facts.lost_dispute:
        return "the case is ending: the invoice is paid, ended or being closed"
    return _unfit(asked.policy) or _not_the_one_seen(held, asked)


def _unfit(policy: PolicySnapshot) -> str | None:
    """A worker that does not know a field of the document would drop it: then the sum differs as well."""
    if PolicySnapshot.of(policy.document).sha256 != policy.sha256:
        return "sha256 is not that of the document as this worker reads it; deploy the same version everywhere"
    size = len(canonical_json(policy.document))
    return f"the policy takes {size} bytes in every case, {MAX_BYTES} are allowed" if size > MAX_BYTES else None


def _not_the_one_seen(held: PolicySnapshot, asked: MigrateRequest) -> str | None:
    edition = held.document.edition
    if held.sha256 == asked.policy.sha256:
        return f"the case already has {edition}"
    if held.sha256 != asked.expected_sha256:
        return f"the case has another policy by now: {edition}; look again before you move it"
    return None


def migrated(facts: CaseFacts, held: PolicySnapshot, asked: MigrateRequest, now: datetime) -> CaseFacts:
    """The facts with the change in them, once."""
    change = PolicyChange(
        at=now,
        actor=asked.actor,
        reason=asked.reason,
        from_edition=held.document.edition,
        to_edition=asked.policy.document.edition,
        from_sha256=held.sha256,
        to_sha256=asked.policy.sha256,
    )
    return with_policy_change(facts, change, asked.action_id)
