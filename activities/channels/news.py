"""What a provider tells of a message, or a person writes back, whoever carries the channel."""

from typing import Literal

from policies.base import Record, UtcTime

What = Literal["delivered", "undelivered", "opened", "clicked", "complained", "opted_out", "opted_in", "asked_help"]


class MessageNews(Record):
    """`key`: of the Letter, which the provider repeats; `reference`: the provider's own id of it. `address`: the
    person's, where they wrote themselves or where the provider says nothing of a message. `gone`: nothing is behind the
    address any more, so it is not tried again. `cancels`: the person may have meant more than the channel ("CANCEL"): a
    task for a person. `undated`: the provider sends no time, and that of the receipt counts."""

    what: What
    channel: Literal["email", "sms", "push", "in_app", "webhook"]
    happened_at: UtcTime
    key: str | None = None
    reference: str | None = None
    address: str | None = None
    detail: str | None = None
    gone: bool = False
    cancels: bool = False
    undated: bool = False
