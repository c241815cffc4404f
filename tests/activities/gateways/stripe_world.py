"""What stands at the local Stripe: objects in its published shapes, cut down to the fields that somebody reads."""

from copy import deepcopy
from itertools import count
from typing import Any

from tests.fixtures.sandbox import START

Thing = dict[str, Any]

DECLINES: dict[str, Thing] = {
    "insufficient_funds": {"code": "card_declined", "decline_code": "insufficient_funds", "network_decline_code": "51"},
    "sunspots": {"code": "card_declined", "decline_code": "sunspots"},
    "expired_card": {"code": "expired_card", "decline_code": "expired_card", "network_decline_code": "54"},
    "stolen_card": {"code": "card_declined", "decline_code": "stolen_card", "network_decline_code": "43"},
    "do_not_honor": {
        "code": "card_declined",
        "decline_code": "do_not_honor",
        "network_decline_code": "05",
        "network_advice_code": "03",
        "advice_code": "do_not_try_again",
    },
    "fraudulent": {"code": "card_declined", "decline_code": "fraudulent"},
    "authentication_required": {"code": "authentication_required", "decline_code": "authentication_required"},
}


class StripeWorld:
    """`behaves`: what a payment method comes to: `pays`, `processing`, `requires_action` or a key of DECLINES."""

    def __init__(self) -> None:
        self.things: dict[str, Thing] = {}
        self.behaves: dict[str, str] = {}
        self.now = int(START.timestamp())
        self._numbers = count(1)

    def add(self, prefix: str, kind: str, **fields: Any) -> Thing:
        thing = {"id": f"{prefix}_{next(self._numbers):04d}", "object": kind, "created": self.now, **fields}
        self.things[thing["id"]] = thing
        return thing

    def all(self, kind: str) -> list[Thing]:
        """Newest first, as Stripe lists them."""
        return [thing for thing in reversed(self.things.values()) if thing["object"] == kind]

    # Who and what

    def customer(self, **fields: Any) -> Thing:
        person = {
            "name": "Ada Example",
            "email": "ada@shop.example",
            "phone": None,
            "preferred_locales": ["de"],
            "currency": "eur",
        }
        address = {"country": "DE", "state": None, "postal_code": "10115"}
        settings: Thing = {"default_payment_method": None}
        return self.add("cus", "customer", **{**person, "address": address, "invoice_settings": settings, **fields})

    def card(self, customer: Thing, behaves: str = "pays", *, network: str = "visa", default: bool = True) -> Thing:
        card = {
            "brand": network,
            "country": "DE",
            "exp_month": 11,
            "exp_year": 2027,
            "fingerprint": f"fp{len(self.things)}",
            "last4": "4242",
        }
        return self._method(customer, behaves, default, type="card", card=card)

    def debit(self, customer: Thing, behaves: str = "processing") -> Thing:
        debit = {"country": "DE", "bank_code": "10010010", "fingerprint": f"fp{len(self.things)}", "last4": "3000"}
        return self._method(customer, behaves, True, type="sepa_debit", sepa_debit=debit)

    def link(self, customer: Thing, default: bool = True) -> Thing:
        return self._method(customer, "pays", default, type="link", link={"email": "ada@shop.example"})

    def _method(self, customer: Thing, behaves: str, default: bool, **fields: Any) -> Thing:
        method = self.add("pm", "payment_method", customer=customer["id"], **fields)
        self.behaves[method["id"]] = behaves
        if default:
            customer["invoice_settings"]["default_payment_method"] = method["id"]
        return method

    def subscription(self, customer: Thing) -> Thing:
        items = _listed([{"id": "si_1", "price": {"id": "price_1", "recurring": {"interval": "month"}}}])
        own: Thing = {"default_payment_method": None, "payment_settings": {"save_default_payment_method": "off"}}
        return self.add("sub", "subscription", customer=customer["id"], status="past_due", items=items, **own)

    def invoice(self, customer: Thing, amount: int = 2900, currency: str = "eur") -> Thing:
        """Finalised, with the payment intent that Stripe makes then."""
        intent = self.intent(amount, currency, customer["id"])
        subscription = self.subscription(customer)
        invoice = self.add(
            "in",
            "invoice",
            customer=customer["id"],
            status="open",
            currency=currency,
            amount_due=amount,
            amount_paid=0,
            amount_remaining=amount,
            billing_reason="subscription_cycle",
            collection_method="charge_automatically",
            default_payment_method=None,
            next_payment_attempt=None,
            parent={"type": "subscription_details", "subscription_details": {"subscription": subscription["id"]}},
            status_transitions={"finalized_at": self.now, "paid_at": None, "voided_at": None},
        )
        payment = {"type": "payment_intent", "payment_intent": intent["id"]}
        self.add("inpay", "invoice_payment", invoice=invoice["id"], is_default=True, status="open", payment=payment)
        return invoice

    def intent(self, amount: int, currency: str, customer_id: str, **fields: Any) -> Thing:
        return self.add(
            "pi",
            "payment_intent",
            amount=amount,
            currency=currency,
            customer=customer_id,
            status="requires_payment_method",
            latest_charge=None,
            last_payment_error=None,
            payment_method=None,
            metadata={},
            **fields,
        )

    def intent_of(self, invoice: Thing) -> Thing:
        payments = [p for p in self.all("invoice_payment") if p["invoice"] == invoice["id"] and p["is_default"]]
        return self.things[payments[0]["payment"]["payment_intent"]]

    def payments_of(self, invoice: Thing) -> Thing:
        return _listed([p for p in self.all("invoice_payment") if p["invoice"] == invoice["id"]])

    # What happens

    def attempt(self, intent: Thing, method: Thing, off_session: bool) -> Thing | None:
        """One try. The error, or None; the intent says what it came to. A charge copies the metadata of its intent."""
        behaves = self.behaves[method["id"]]
        if behaves == "requires_action" and not off_session:
            intent.update(status="requires_action", payment_method=method["id"])
            return None
        said = DECLINES.get("authentication_required" if behaves == "requires_action" else behaves)
        charge = self._charge(intent, method, said, is_pending=behaves == "processing")
        intent["latest_charge"] = charge["id"]
        if said is None:
            status = "processing" if behaves == "processing" else "succeeded"
            intent.update(status=status, payment_method=method["id"], last_payment_error=None)
            return None
        error = {"type": "card_error", "charge": charge["id"], "payment_method": deepcopy(method), **said}
        intent.update(status="requires_payment_method", payment_method=None, last_payment_error=error)
        return {**error, "payment_intent": deepcopy(intent)}

    def _charge(self, intent: Thing, method: Thing, said: Thing | None, is_pending: bool) -> Thing:
        kind = method["type"]
        details = {**deepcopy(method[kind]), **({"network": method[kind]["brand"]} if kind == "card" else {})}
        return self.add(
            "ch",
            "charge",
            amount=intent["amount"],
            currency=intent["currency"],
            customer=intent["customer"],
            payment_intent=intent["id"],
            payment_method=method["id"],
            payment_method_details={"type": kind, kind: details},
            metadata=dict(intent["metadata"]),
            status="failed" if said else "pending" if is_pending else "succeeded",
            failure_code=said["code"] if said else None,
            outcome=_outcome(said),
            refunded=False,
            disputed=False,
        )

    def pay(self, invoice: Thing, method: Thing, off_session: bool = True) -> Thing | None:
        intent = self.intent_of(invoice)
        error = self.attempt(intent, method, off_session)
        if intent["status"] == "succeeded":
            self.settle(invoice)
            self._keep(invoice, method)
        return error

    def _keep(self, invoice: Thing, method: Thing) -> None:
        subscription = self.subscription_of(invoice)
        if subscription["payment_settings"]["save_default_payment_method"] == "on_subscription":
            subscription["default_payment_method"] = method["id"]

    def subscription_of(self, invoice: Thing) -> Thing:
        return self.things[invoice["parent"]["subscription_details"]["subscription"]]

    def settle(self, invoice: Thing) -> None:
        invoice.update(status="paid", amount_paid=invoice["amount_due"], amount_remaining=0)
        invoice["status_transitions"]["paid_at"] = self.now

    def attach(self, invoice: Thing, record: Thing) -> None:
        """A payment made elsewhere, credited at once."""
        payment = {"type": "payment_record", "payment_record": record["id"]}
        self.add("inpay", "invoice_payment", invoice=invoice["id"], is_default=False, status="paid", payment=payment)
        paid = int(record["amount_requested"]["value"])
        invoice["amount_paid"] += paid
        invoice["amount_remaining"] -= paid

    def end(self, invoice: Thing, status: str) -> None:
        """Void or uncollectible; `amount_remaining` stays as it was."""
        invoice["status"] = status

    def dispute(self, charge: Thing, status: str = "needs_response") -> Thing:
        charge["disputed"] = True
        intent = charge["payment_intent"]
        return self.add("dp", "dispute", charge=charge["id"], payment_intent=intent, status=status)

    def charges_of(self, invoice: Thing) -> list[Thing]:
        intent_id = self.intent_of(invoice)["id"]
        return [charge for charge in self.all("charge") if charge["payment_intent"] == intent_id]

    def event(self, kind: str, about: Thing, at: int) -> Thing:
        event = self.add("evt", "event", type=kind, data={"object": deepcopy(about)})
        event["created"] = at
        return event


def _outcome(said: Thing | None) -> Thing:
    """Stripe's fraud rules name their own reason on the charge, and call it `fraudulent` in the error."""
    if said is None:
        return {"type": "authorized", "reason": None}
    codes = {name: said.get(name) for name in ("network_decline_code", "network_advice_code", "advice_code")}
    if said["decline_code"] == "fraudulent":
        return {"type": "blocked", "reason": "highest_risk_level", **codes}
    return {"type": "issuer_declined", "reason": said["decline_code"], **codes}


def _listed(things: list[Thing]) -> Thing:
    return {"object": "list", "has_more": False, "data": things}
