"""The demo's hands: makes payments fail, lets customers act on their day, and asks how things stand. All over HTTP."""

import uuid
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import aiohttp

from policies.keys import CaseRef
from workers.demo.stories import Act, DemoStory
from workers.embedded.stack import ACCOUNT, Stack

SOURCE_ACTS = frozenset(
    {Act.PAY_ANOTHER_WAY, Act.CONFIRM, Act.VOID, Act.CANCEL, Act.DISPUTE, Act.WIN_DISPUTE, Act.LOSE_DISPUTE}
)
NEW_CARDS = {Act.GIVE_NEW_CARD: "4242424242424242", Act.GIVE_BAD_CARD: "4000000000000069"}
"""Stripe's published test numbers, one that pays and one that has expired: typed into the sandbox's own fields."""


class WorldRefused(Exception):
    """The stack answered an error where the story expects none."""


class DemoWorld:
    def __init__(self, stack: Stack, session: aiohttp.ClientSession, run_id: str) -> None:
        self._stack = stack
        self._session = session
        self._run_id = run_id

    def case_of(self, story: DemoStory) -> CaseRef:
        return CaseRef(source="stripe", account=ACCOUNT, invoice_id=f"in_{story.name}_{self._run_id}")

    async def fail(self, story: DemoStory) -> None:
        """Describes the customer, then lets the payment fail; the sandbox posts the signed webhook."""
        await self._describe_customer(story)
        body = {
            "story": story.sandbox,
            "invoice_id": self.case_of(story).invoice_id,
            "customer_id": self._customer_id(story),
            "segment": story.segment,
            "amount_minor": story.amount_minor,
            "currency": story.currency,
            "at": datetime.now(UTC).isoformat(),
        }
        answer = await self._ask("POST", f"{self._stack.sandbox_url}/world/failures", body)
        if not answer["delivered"]:
            raise WorldRefused(f"the webhook of {story.name} was not accepted; see the logs in {self._stack.folder}")

    async def act(self, story: DemoStory, act: Act, now: datetime) -> None:
        """`now` is the case's time."""
        case = self.case_of(story)
        if act in SOURCE_ACTS:
            url = f"{self._stack.sandbox_url}/world/invoices/{case.invoice_id}/{act.value}"
            await self._ask("POST", url, {}, now)
        elif act in NEW_CARDS:
            await self._pay_on_the_page(story, NEW_CARDS[act])
        else:
            given_up = {"outcome": "written_off", "reason": "looked at by a person"}
            await self._tell_case(case, act.value, given_up)

    async def _pay_on_the_page(self, story: DemoStory, number: str) -> None:
        """As a customer does: the details go to the gateway's fields, the page gets what the gateway made of them."""
        links = f"{self._stack.api_url}/pay/stripe/{ACCOUNT}/{self._customer_id(story)}/token"
        page = f"{self._stack.api_url}/pay/{(await self._ask('POST', links))['token']}/api"
        checkout = await self._ask("POST", f"{page}/checkouts", {"way": "card"})
        session = checkout["fields"]["options"]["session"]
        typed = {"number": number, "expiry": "12/40", "cvc": "123"}
        await self._ask("POST", f"{self._stack.sandbox_url}/gateway/fields/{session}", typed)
        await self._ask("POST", f"{page}/checkouts/{checkout['id']}", {"result": {"session": session}})

    async def closed_case(self, story: DemoStory) -> dict[str, Any]:
        return await self._ask("GET", f"{self._stack.api_url}/cases/{self.case_of(story).case_id}")

    async def charges(self, story: DemoStory) -> list[dict[str, Any]]:
        url = f"{self._stack.sandbox_url}/world/ledger?invoice={self.case_of(story).invoice_id}"
        answer = await self._ask("GET", url)
        return list(answer["charges"])

    async def letters(self) -> dict[str, list[dict[str, Any]]]:
        """What every case was written, by workflow id, newest first."""
        answer = await self._ask("GET", f"{self._stack.sandbox_url}/outbox.json")
        by_case: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for letter in answer["messages"]:
            by_case[CaseRef.from_case_id(letter["case_id"]).workflow_id].append(letter)
        return by_case

    async def access_levels(self, story: DemoStory) -> tuple[str, ...]:
        answer = await self._ask("GET", f"{self._stack.sandbox_url}/access/{self._customer_id(story)}")
        return tuple(entry["level"] for entry in answer["log"])

    async def _describe_customer(self, story: DemoStory) -> None:
        name = story.name.replace("_", " ").title()
        address = f"{story.name}@customers.example"
        customer = {
            "name": f"{name} Customer",
            "segment": story.segment,
            "zone": story.zone,
            "email": {"address": address},
            "sms": {"address": "+15005550006"},
            "in_app": {"address": self._customer_id(story)},
        }
        if story.segment != "self_serve":
            customer["support_contact"] = {"name": "Sam Support", "email": "sam.support@example.com"}
        url = f"{self._stack.api_url}/customers/stripe/{ACCOUNT}/{self._customer_id(story)}"
        await self._ask("PUT", url, customer)

    async def _tell_case(self, case: CaseRef, kind: str, body: dict[str, Any]) -> None:
        action = {"action_id": uuid.uuid4().hex, **body}
        await self._ask("POST", f"{self._stack.api_url}/cases/{case.case_id}/actions/{kind}", action)

    def _customer_id(self, story: DemoStory) -> str:
        return f"cus_{story.name}_{self._run_id}"

    async def _ask(self, method: str, url: str, body: Any = None, now: datetime | None = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._stack.api_token}"}
        if now:
            headers["X-Recoup-Now"] = now.isoformat()
        async with self._session.request(method, url, json=body, headers=headers) as response:
            if response.status >= 400:
                raise WorldRefused(f"{method} {url}: {response.status} {await response.text()}")
            answer: dict[str, Any] = await response.json()
            return answer
