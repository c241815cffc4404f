"""A customer with a failed payment who pays on the page, step by step as a browser would send it."""

import asyncio
import html
import re
import time
import uuid
from dataclasses import dataclass, field

from temporalio.client import WorkflowHandle

from benchmarks.page_bare_worker import QUEUE, BareCharge
from benchmarks.page_stack import Stack

GOOD_CARD = {"number": "4242424242424242", "expiry": "12/40", "cvc": "123"}
"""Stripe's published test number, which the sandbox's fields know (docs/sandbox.md)."""
DECIDED_WITHIN_SECONDS = 120

_CSRF = re.compile(r'name="csrf" value="([0-9a-f]+)"')
_OPTIONS = re.compile(r'data-options="([^"]*)"')
_SESSION = re.compile(r'"session": "([^"]+)"')
_STATE = re.compile(r'data-state="([a-z]+)"')


@dataclass
class Customer:
    """`number` makes an address of the networks that are set apart for benchmarks (RFC 2544). `reloads`: how often a
    page said that they should try again in a moment."""

    stack: Stack
    number: int
    invoice_id: str
    customer_id: str
    link: str = ""
    checkout: str = ""
    reloads: int = 0
    _cookie: str = field(default="", repr=False)
    _csrf: str = field(default="", repr=False)
    _fields: str = ""

    @classmethod
    async def owing(cls, stack: Stack, number: int) -> "Customer":
        unique = uuid.uuid4().hex[:12]
        customer = cls(stack, number, invoice_id=f"in_{unique}", customer_id=f"cus_{unique}")
        known = {"name": "Ada Example", "zone": "UTC", "email": {"address": f"{unique}@customers.example"}}
        await stack.ask_api("PUT", f"/customers/stripe/default/{customer.customer_id}", known)
        body = {"story": "expired_card", "invoice_id": customer.invoice_id, "customer_id": customer.customer_id}
        await stack.ask_sandbox("POST", "/world/failures", body)
        made = await stack.ask_api("POST", f"/pay/stripe/default/{customer.customer_id}/token")
        customer.link = made["url"]
        return customer

    async def until_page_says(self, state: str) -> None:
        """What it says follows from the case, which opens and decides a moment after the failure."""
        async with asyncio.timeout(DECIDED_WITHIN_SECONDS):
            while True:
                if await self._state_at(self.link) == state:
                    return
                await asyncio.sleep(2)

    async def reach_fields(self) -> None:
        """The page, and `Card` on it: the gateway's fields are open."""
        page = await self._get(self.link)
        self._csrf = _one(_CSRF, page)
        self.checkout = await self._post(f"{self.link}/checkout", {"csrf": self._csrf, "way": "card", "sum": "all"})
        shown = await self._get(self.checkout)
        self._csrf = _one(_CSRF, shown)
        self._fields = _one(_SESSION, html.unescape(_one(_OPTIONS, shown)))

    async def type_card(self) -> None:
        """What the gateway's own frame sends to the gateway."""
        told = await self.stack.ask_sandbox("POST", f"/gateway/fields/{self._fields}", GOOD_CARD)
        assert told["status"] == "given", told

    async def submit(self) -> float:
        """Seconds until the page is told where to read the outcome."""
        began = time.perf_counter()
        where = await self._post(self.checkout, {"csrf": self._csrf, "result.session": self._fields})
        took = time.perf_counter() - began
        assert where == self.checkout, where
        return took

    async def is_paid(self) -> bool:
        """Both on the page where the answer leads to and in the gateway's own ledger."""
        ledger = await self.stack.ask_sandbox("GET", f"/world/ledger?invoice={self.invoice_id}")
        collected = [charge for charge in ledger["charges"] if charge["status"] == "succeeded"]
        return await self._state_at(self.checkout) == "settled" and len(collected) == 1

    async def _state_at(self, url: str) -> str:
        return _one(_STATE, await self._get(url))

    async def _get(self, url: str) -> str:
        while (page := await self._got(url)) is None:
            self.reloads += 1
            await asyncio.sleep(2)
        return page

    async def _got(self, url: str) -> str | None:
        async with self.stack.session.get(url, headers=self._headers()) as response:
            text = await response.text()
            if response.status == 503:
                return None
            assert response.status == 200, f"{response.status}: {text}"
            self._keep_cookie(response.headers.getall("Set-Cookie", []))
            return text

    async def _post(self, url: str, form: dict[str, str]) -> str:
        while (where := await self._sent(url, form)) is None:
            self.reloads += 1
            await asyncio.sleep(2)
        return where

    async def _sent(self, url: str, form: dict[str, str]) -> str | None:
        """None: nothing was charged, and the page asks to press again."""
        headers = self._headers()
        async with self.stack.session.post(url, data=form, headers=headers, allow_redirects=False) as response:
            if response.status == 503:
                return None
            assert response.status == 303, f"{response.status}: {await response.text()}"
            self._keep_cookie(response.headers.getall("Set-Cookie", []))
            return self.stack.api + response.headers["Location"]

    def _headers(self) -> dict[str, str]:
        address = f"198.18.{self.number // 250}.{self.number % 250 + 1}"
        return {"X-Forwarded-For": address, **({"Cookie": self._cookie} if self._cookie else {})}

    def _keep_cookie(self, told: list[str]) -> None:
        # By hand: the cookie is for https alone, which aiohttp's jar keeps to also on this machine.
        if told:
            self._cookie = told[-1].partition(";")[0]


def _one(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    assert found, f"{pattern.pattern} is not on the page"
    return found[1]


Body = dict[str, str | int]
"""A charge as the sandbox's gateway is asked for it."""


async def bare_charge(stack: Stack, body: Body) -> float:
    """Seconds of a charge that is asked of the gateway and of nobody else."""
    began = time.perf_counter()
    told = await stack.ask_sandbox("POST", "/gateway/charges", body)
    took = time.perf_counter() - began
    assert told["status"] == "succeeded", told
    return took


async def owing_bare(stack: Stack) -> Body:
    """An invoice and a good card that nobody at Recoup has heard of."""
    failed = await stack.ask_sandbox("POST", "/world/failures", {"story": "generic", "deliver": False})
    card = await stack.ask_sandbox("POST", f"/world/customers/{failed['customer_id']}/cards", {"kind": "good"})
    return {
        "idempotency_key": uuid.uuid4().hex,
        "invoice_id": failed["invoice_id"],
        "credential_id": card["credential_id"],
        "amount_minor": 2900,
        "currency": "EUR",
    }


async def waiting_workflow(stack: Stack) -> WorkflowHandle[BareCharge, None]:
    """A bare workflow that waits to be paid, in its worker's memory."""
    return await stack.temporal.start_workflow(BareCharge.run, id=f"bare-{uuid.uuid4().hex}", task_queue=QUEUE)


async def bare_update(handle: WorkflowHandle[BareCharge, None], body: Body) -> float:
    """Seconds of a charge by update and activity."""
    began = time.perf_counter()
    status = await handle.execute_update(BareCharge.pay, body)
    took = time.perf_counter() - began
    assert status == "succeeded", status
    return took
