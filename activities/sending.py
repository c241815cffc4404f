"""One message on its way: rendered, written down, handed to a channel, and what came of it written down again.

A message is sent at most once: its row says `sending` before the channel is asked, and a row left so is never sent
again. An explicit refusal moves on to the next channel; silence ends the message as `unclear`.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

from activities.adapters import Adapters
from activities.channels.contract import Accepted, Attachment, Letter, NotSent, SendOutcome
from activities.channels.render import Person, Rendered, Renderer
from activities.contracts import Messaged
from activities.errors import Misconfigured, OutsideError
from activities.links import Links, PayLink
from activities.store.messages import Planned, Said
from activities.store.store import Store
from policies.said import MessageStatus
from policies.steps import Words

log = logging.getLogger(__name__)

NOTHING_TO_PAY = frozenset({"recovered", "closed", "card_expiring", "upcoming_renewal"})


@dataclass(frozen=True)
class Draft:
    """What is to be said to whom; the same on every channel."""

    planned: Planned
    words: Words
    person: Person
    wording: str | None = None
    attachments: tuple[Attachment, ...] = ()


class Sender:
    """`links` None: no key is set up, so mails lead to no page of preferences."""

    def __init__(self, store: Store, adapters: Adapters, renderer: Renderer, links: Links | None = None) -> None:
        self._store = store
        self._adapters = adapters
        self._renderer = renderer
        self._links = links

    async def already(self, key: str) -> Messaged | None:
        """What the ledger says of an earlier run of this activity; None when no channel was asked yet."""
        state = await self._store.messages.state_of(key)
        if state is None or (state.status is None and not state.sending):
            return None
        return Messaged(status=state.status or MessageStatus.UNCLEAR, channel=state.channel, covers=state.covers)

    async def send(self, draft: Draft, addresses: Mapping[str, str]) -> Messaged:
        """By the first of `addresses` (channel -> address, in order) that takes it. Raises OutsideError when it
        certainly was not sent and may be tried again."""
        for channel, address in addresses.items():
            if said := await self._say(draft, channel, address):
                return said
        planned, detail = draft.planned, "no channel of the policy reached the customer"
        await self._store.messages.ended(planned.key, None, MessageStatus.UNDELIVERED, detail, planned.at)
        return Messaged(status=MessageStatus.UNDELIVERED, covers=planned.covers)

    async def _say(self, draft: Draft, channel: str, address: str) -> Messaged | None:
        """None when this channel certainly did not send it and the next may be tried."""
        adapter = self._adapters.channels.get(channel)
        if adapter is None:
            raise Misconfigured(f"no channel {channel} is set up; there are: {', '.join(self._adapters.channels)}")
        planned, messages = draft.planned, self._store.messages
        draft, link = await self._leading_to_the_page(draft, channel)
        rendered = self._rendered(draft, channel)
        said = Said(
            channel=channel,
            address_hash=self._store.channel_stops.hash_of(channel, address),
            locale=rendered.locale,
            edition=rendered.edition,
            subject=rendered.subject,
            text=rendered.text,
            html=rendered.html,
        )
        if not await messages.sending(planned.key, said, planned.at):
            return await self.already(planned.key)
        try:
            outcome = await adapter.send(self._letter(draft, channel, address, rendered))
        except OutsideError as error:
            # Certainly not sent: take the mark back, so that Temporal's next try may send it.
            await messages.not_sent(planned.key, channel, type(error).__name__, planned.at)
            raise
        if link and isinstance(outcome, Accepted):
            await self._store.pay_links.newest(link, channel, planned.at)
        return await self._written_down(planned, said, outcome)

    async def _leading_to_the_page(self, draft: Draft, channel: str) -> tuple[Draft, PayLink | None]:
        """Each message has a link of its own; the same when the activity is repeated. What a colleague gets leads to
        the merchant's own page, and so does what has nothing to be paid."""
        planned = draft.planned
        if self._links is None or not planned.counted or planned.template in NOTHING_TO_PAY:
            return draft, None
        link = PayLink.of_letter(planned.customer, f"{planned.key}.{channel}", planned.at)
        await self._store.pay_links.made(link, channel, planned.at)
        person = draft.person.model_copy(update={"pay_url": self._links.pay(link)})
        return replace(draft, person=person), link

    def _rendered(self, draft: Draft, channel: str) -> Rendered:
        rendered = self._renderer.render(
            draft.planned.template, channel, draft.words, self._with_preferences(draft), draft.wording
        )
        if rendered.fell_back:
            log.warning("no words in %s: English was sent", draft.person.locale)
        return rendered

    def _with_preferences(self, draft: Draft) -> Person:
        if self._links is None or not draft.planned.counted:
            return draft.person
        return draft.person.model_copy(update={"preferences_url": self._links.preferences(draft.planned.customer)})

    def _letter(self, draft: Draft, channel: str, address: str, rendered: Rendered) -> Letter:
        planned, preferences = draft.planned, self._with_preferences(draft).preferences_url
        return Letter(
            key=f"{planned.key}.{channel}",
            case_id=planned.case.case_id,
            address=address,
            subject=rendered.subject,
            text=rendered.text,
            html=rendered.html,
            link=self._renderer.link_of(draft.person),
            unsubscribe=f"{preferences}/unsubscribe/{channel}" if preferences else None,
            customer=planned.customer,
            template=planned.template,
            stage=planned.stage,
            locale=rendered.locale,
            direction=rendered.direction,
            attachments=draft.attachments,
            now=planned.at,
        )

    async def _written_down(self, planned: Planned, said: Said, outcome: SendOutcome) -> Messaged | None:
        messages, channel = self._store.messages, said.channel
        if isinstance(outcome, NotSent):
            await messages.not_sent(planned.key, channel, outcome.reason, planned.at)
            # A device that is gone is no longer kept, and the next one may come: that stops no channel.
            stops = outcome.withdrawn == "opted_out" or (outcome.withdrawn == "gone" and channel != "push")
            if outcome.withdrawn and stops and planned.counted:
                await self._store.channel_stops.stop(channel, said.address_hash, outcome.withdrawn, planned.at)
            return None
        status = MessageStatus.ACCEPTED if isinstance(outcome, Accepted) else MessageStatus.UNCLEAR
        detail = "taken by the provider" if isinstance(outcome, Accepted) else outcome.reason
        await messages.ended(planned.key, channel, status, detail, planned.at, outcome.reference)
        return Messaged(status=status, channel=channel, covers=planned.covers)


def key_of_letter(letter_key: str) -> str:
    """The message's, of a Letter's key."""
    return letter_key.rpartition(".")[0]
