"""What the page says in whole sentences: why a payment failed, what happens next and when, what came of a try. Kind
words, and never the raw reason: where it must not be told (`generic`), nothing but that it can be mended.

Each sentence is written out in a call of `gettext`, from where translators get it (`python -m workers.page_sentences`).
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from activities.page_words import PageVoice
from activities.store.checkouts import Checkout
from api.pay.claims import Claim, ClaimState
from policies.declines import CustomerAction
from policies.facts import LOST_ACCESS
from policies.money import Money


def state_of(claims: Sequence[Claim]) -> ClaimState:
    """Of all together: what is still to be paid comes first."""
    states = {claim.state for claim in claims}
    order: tuple[ClaimState, ...] = ("owed", "processing", "held")
    return next((state for state in order if state in states), "settled")


def headline(voice: PageVoice, state: ClaimState, claims: Sequence[Claim]) -> str:
    match state:
        case "processing":
            return voice.gettext("Your payment is on its way")
        case "held":
            return voice.gettext("We are looking into it")
        case "settled":
            return voice.gettext("All is paid, thank you")
        case "owed":
            if all(claim.agreed for claim in claims):
                return voice.gettext("Your payment is arranged")
            if any(claim.facts.access in LOST_ACCESS for claim in claims):
                return voice.gettext("Pay and everything comes back")
            return voice.gettext("Your payment did not go through")


def why(voice: PageVoice, state: ClaimState, claims: Sequence[Claim]) -> str:
    match state:
        case "processing":
            return voice.gettext("Your bank has not answered yet. This page tells you as soon as it has.")
        case "held":
            return voice.gettext("Nothing is charged until a colleague has answered you. There is nothing to pay now.")
        case "settled":
            return voice.gettext("There is nothing to pay. You can close this page.")
        case "owed" if all(claim.agreed for claim in claims):
            # Why the first try failed is over; asking for another way to pay would contradict what was arranged.
            return voice.gettext("Nothing is due before the day that was arranged. You can pay earlier if you like.")
        case "owed":
            words = next(claim for claim in claims if claim.state == "owed").words
            return reason(voice, CustomerAction.NONE if words.generic else words.customer_action)


def reason(voice: PageVoice, action: CustomerAction) -> str:
    """Why a payment failed, as far as it helps."""
    match action:
        case CustomerAction.UPDATE_METHOD:
            return voice.gettext("What you paid with so far can no longer be used. Please choose another way to pay.")
        case CustomerAction.WAIT_FUNDS:
            return voice.gettext("The amount was not available at that moment. You can pay in another way at any time.")
        case CustomerAction.CONTACT_BANK:
            return voice.gettext("Your bank did not approve the payment. Paying in another way helps at once.")
        case CustomerAction.AUTHENTICATE:
            return voice.gettext("Your bank only wants you to confirm the payment.")
        case CustomerAction.NONE:
            return voice.gettext("This can happen for many reasons, and it can usually be put right in a minute.")


def what_happens(voice: PageVoice, claims: Sequence[Claim], zone: str) -> Iterator[str]:
    """Of the oldest claim, for its days come first; in the order of the days."""
    claim = next((each for each in claims if each.state == "owed"), None)
    if claim is None:
        return
    words, agreed = claim.words, claim.agreed
    if agreed:
        yield arranged(voice, agreed.amount, agreed.charge_at or agreed.ends_at, zone, agreed.charge_at is not None)
        return
    told: list[tuple[datetime, str]] = []
    if words.next_attempt_at:
        day = {"day": voice.day(words.next_attempt_at, zone)}
        told.append((words.next_attempt_at, voice.gettext("%(day)s: we try to collect the payment again.") % day))
    if words.limit_at:
        limited = {"day": voice.day(words.limit_at, zone), "what": voice.listed(words.limit_takes)}
        told.append((words.limit_at, voice.gettext("%(day)s: without a payment these pause: %(what)s.") % limited))
    if words.suspend_at:
        day = {"day": voice.day(words.suspend_at, zone)}
        told.append((words.suspend_at, voice.gettext("%(day)s: without a payment your service pauses.") % day))
    if words.close_at:
        day = {"day": voice.day(words.close_at, zone)}
        told.append((words.close_at, voice.gettext("%(day)s: without a payment we stop, and your service ends.") % day))
    yield from (sentence for _, sentence in sorted(told))


def arranged(voice: PageVoice, amount: Money, at: datetime, zone: str, charged: bool) -> str:
    told = {"day": voice.day(at, zone), "amount": voice.money(amount)}
    if charged:
        return voice.gettext("%(day)s: we collect %(amount)s, as arranged. Until then nothing changes.") % told
    return voice.gettext("%(day)s: until then you pay %(amount)s, as arranged. Nothing changes before.") % told


def outcome(voice: PageVoice, checkout: Checkout) -> tuple[str, str]:
    """Headline and text of what came of a try to pay."""
    if checkout.stopped == "ask_person":
        return (
            voice.gettext("Let us help you"),
            voice.gettext("That were many tries in a short time, so we stop here to protect you. Please write to us."),
        )
    if checkout.stopped == "wait":
        return (
            voice.gettext("Please wait a moment"),
            voice.gettext("To protect your card there is a short break between tries. Nothing was charged."),
        )
    if checkout.paid:
        return _paid(voice, checkout)
    advice = checkout.advice
    if advice is not None:
        return voice.gettext("That did not work"), refused(voice, advice)
    if any(each.answer and each.answer.result == "processing" for each in checkout.answers):
        return (
            voice.gettext("Your payment is on its way"),
            voice.gettext("Your bank has not answered yet. This page tells you as soon as it has."),
        )
    return voice.gettext("Nothing was charged"), voice.gettext("Something has changed meanwhile. Please look again.")


def _paid(voice: PageVoice, checkout: Checkout) -> tuple[str, str]:
    paid = checkout.plan[0].amount if checkout.plan else checkout.amount
    amounts = [paid] if paid else list(checkout.owed)
    listed = {"amount": " + ".join(voice.money(amount) for amount in amounts)}
    if checkout.plan:
        text = voice.gettext("The first instalment of %(amount)s is paid. The others follow as arranged.") % listed
        return voice.gettext("Thank you"), text
    return voice.gettext("Thank you"), voice.gettext("Your payment of %(amount)s has arrived.") % listed


def refused(voice: PageVoice, action: CustomerAction) -> str:
    """What to try next, after a try of the customer's own."""
    match action:
        case CustomerAction.UPDATE_METHOD:
            return voice.gettext("This way to pay cannot be used. Nothing was charged; please try another one.")
        case CustomerAction.WAIT_FUNDS:
            return voice.gettext("The amount is not available there. Nothing was charged; please try another one.")
        case CustomerAction.AUTHENTICATE:
            return voice.gettext("Your bank wants you to confirm the payment. Please try again and confirm it.")
        case CustomerAction.CONTACT_BANK | CustomerAction.NONE:
            return voice.gettext("The bank did not approve it. Nothing was charged; another way to pay often works.")
