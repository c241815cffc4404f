"""What was said to the customer in a case, what became of it, and what they did about it."""

from enum import StrEnum

from policies.base import Record, UtcTime


class MessageStatus(StrEnum):
    """`accepted` by the channel, `delivered` by what its provider told later; `undelivered` on every channel tried;
    `unclear`: perhaps sent, never sent again there; `covered`: said by the message of another case; `held_out`: not
    sent, to see what it is worth."""

    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    UNCLEAR = "unclear"
    COVERED = "covered"
    HELD_OUT = "held_out"


ARRIVED = frozenset({MessageStatus.ACCEPTED, MessageStatus.DELIVERED, MessageStatus.COVERED})
"""The customer has the words, as far as anybody knows."""


class Message(Record):
    """`asked`: the channels that were open when it was sent, in order; those after `channel` were not tried. `covers`:
    other cases of the customer that it named; `covered_by`: the message that named this one. `reported_at`: when its
    provider said what became of it. `variant`: which of those under trial."""

    ordinal: int
    at: UtcTime
    name: str
    template: str
    status: MessageStatus
    because: str
    channel: str | None = None
    asked: tuple[str, ...] = ()
    covers: tuple[str, ...] = ()
    covered_by: str | None = None
    reported_at: UtcTime | None = None
    variant: str | None = None

    @property
    def tried(self) -> tuple[str, ...]:
        return self.asked[: self.asked.index(self.channel) + 1] if self.channel in self.asked else self.asked


class Deferral(Record):
    """Words that were not sent when they were due, and when they may be. `until` None: never in this case."""

    at: UtcTime
    name: str
    because: str
    until: UtcTime | None = None


class Activity(Record):
    """The customer was seen to do something about it: opened or clicked a message, looked at the page."""

    at: UtcTime
    what: str
