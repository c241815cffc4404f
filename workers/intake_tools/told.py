"""What a speaker said, as JSON for people and programs."""

from typing import Any

from activities.channels.news import MessageNews
from activities.sources.contract import Addressed, Malformed
from policies.events import Ignored, Unreadable


def as_told(said: Addressed | MessageNews | Ignored | Unreadable | Malformed) -> dict[str, Any]:
    """An event with all its fields, first its kind; `lookup`, `customer` and `undated` where it has them."""
    match said:
        case Addressed():
            return _event(said)
        case MessageNews():
            return {"message": said.what, **said.model_dump(mode="json", exclude={"what"}, exclude_defaults=True)}
        case Ignored():
            return {"ignored": said.reason.value, "detail": said.detail}
        case Unreadable():
            return {"unreadable": said.field, "detail": said.reason}
        case Malformed():
            return {"unreadable": "body", "detail": said.reason}


def _event(said: Addressed) -> dict[str, Any]:
    told = {"kind": said.event.kind, **said.event.model_dump(mode="json", exclude={"kind"})}
    if said.lookup:
        told["lookup"] = said.lookup.model_dump(mode="json", exclude_none=True)
    if said.customer:
        what = said.customer.said.model_dump(mode="json", exclude_unset=True)
        told["customer"] = {"customer_id": said.customer.customer_id, **what}
    if said.undated:
        told["undated"] = True
    return told
