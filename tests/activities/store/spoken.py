"""Cases, and messages that were sent in them, in few words."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from activities.contracts import CloseRequest, Opened
from activities.store.messages import Planned, Said
from activities.store.store import Store
from policies.document import PolicyDocument, PolicySnapshot
from policies.events import CloseOutcome
from policies.keys import CaseRef, CustomerRef
from policies.said import MessageStatus
from tests.policies.timeline import SELF_SERVE, case

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
ADA = CustomerRef(source="stripe", account="default", customer_id="cus_ada")
BOB = ADA.model_copy(update={"customer_id": "cus_bob"})
HASH_OF_ADDRESS = "a" * 64


def ref(invoice_id: str = "in_1", customer: CustomerRef = ADA, reopen: int = 0) -> CaseRef:
    return CaseRef(source=customer.source, account=customer.account, invoice_id=invoice_id, reopen=reopen)


class Spoken:
    def __init__(self, store: Store) -> None:
        self.store = store

    async def open(
        self,
        invoice_id: str = "in_1",
        customer: CustomerRef = ADA,
        policy: PolicyDocument = SELF_SERVE,
        reopen: int = 0,
    ) -> CaseRef:
        facts = case()
        invoice = facts.invoice.model_copy(update={"customer_id": customer.customer_id})
        opened = facts.model_copy(update={"case": ref(invoice_id, customer, reopen), "invoice": invoice})
        await self.store.cases.opened(Opened(facts=opened, policy=PolicySnapshot.of(policy), segment="self_serve"))
        return opened.case

    async def close(self, of: CaseRef, outcome: CloseOutcome = CloseOutcome.RECOVERED) -> None:
        await self.store.cases.closed(
            CloseRequest(
                case=of,
                outcome=outcome,
                because="over",
                happened_at=NOW,
                attempts=1,
                messages=1,
                unsettled=None,
                timeline=(),
                now=NOW,
            )
        )

    async def reserve(
        self,
        of: CaseRef,
        name: str = "reminder",
        customer: CustomerRef = ADA,
        variant: str | None = None,
        at: datetime = NOW,
        covers: Sequence[str] = (),
    ) -> str:
        """Returns the key of the message."""
        planned = Planned(
            key=f"mes_{of.invoice_id}_{of.reopen}_{name}",
            case=of,
            customer_id=customer.customer_id,
            name=name,
            template="reminder",
            stage="reminder",
            at=at,
            covers=tuple(covers),
            variant=variant,
        )
        await self.store.messages.note(planned)
        return planned.key

    async def say(self, key: str, channel: str = "email", text: str = "Dear Ada, 29 euros", at: datetime = NOW) -> None:
        said = Said(
            channel=channel,
            address_hash=HASH_OF_ADDRESS,
            locale="de",
            edition="reminder@1",
            subject="Your payment",
            text=text,
            html=f"<p>{text}</p>",
        )
        assert await self.store.messages.sending(key, said, at)
        await self.store.messages.ended(
            key, channel, MessageStatus.ACCEPTED, "", at + timedelta(seconds=1), reference=f"ref_{key}"
        )

    async def hear(self, key: str, what: str, channel: str = "email", at: datetime = NOW) -> None:
        assert await self.store.messages.receipt(key, channel, what, None, at, at + timedelta(seconds=2))
