"""What one delivery of Adyen's holds, item by item, and which id an item goes by."""

from collections.abc import Iterator

from activities.sources.contract import Item
from activities.sources.reading import Node, Wrong, elements_of, key_by_hash, object_of, place_of, value_of

ITEMS, WRAPPED = "notificationItems", "NotificationRequestItem"


def items_of_delivery(body: bytes) -> list[Item]:
    """Each NotificationRequestItem by itself, byte for byte; a body that is one event already is its own item."""
    envelope, text = object_of(body), body.decode()
    if ITEMS not in envelope.fields:
        return [Item(event_key=_key_of(envelope, body), body=body)]
    items = list(_wrapped_items(envelope))
    wrappers = elements_of(text, place_of(text, (ITEMS,)), len(items))
    bodies = [value_of(wrapper.decode(), WRAPPED) for wrapper in wrappers]
    return [Item(event_key=_key_of(item, written), body=written) for item, written in zip(items, bodies, strict=True)]


def standard_items(body: bytes) -> list[Node]:
    """Those that carry a signature of their own; raises Wrong when anything else is in the body."""
    envelope = object_of(body)
    items = list(_wrapped_items(envelope)) if ITEMS in envelope.fields else [envelope]
    for item in items:
        item.text("eventCode")
    return items


def _wrapped_items(envelope: Node) -> Iterator[Node]:
    wrappers = envelope.fields[ITEMS]
    if not isinstance(wrappers, list) or not wrappers:
        raise envelope.wrong(ITEMS, "a list of events")
    for place, wrapper in enumerate(wrappers):
        item = Node("", wrapper).node(WRAPPED) if isinstance(wrapper, dict) else None
        if item is None or ITEMS in item.fields or "eventCode" not in item.fields:
            raise Wrong(f"{ITEMS}.{place}", f"{ITEMS}.{place} holds no {WRAPPED} with an eventCode")
        yield item


def _key_of(event: Node, written: bytes) -> str:
    """Standard items have no id. Adyen says that event code and PSP reference together tell duplicates; the same two
    can come again with another outcome, so that counts too. A second body under one key is kept, as a conflict."""
    if "eventCode" not in event.fields:
        event.text("type")
        return reference(event, "eventId") or key_by_hash(written)
    code, success = (_code_or_none(event, name) for name in ("eventCode", "success"))
    psp_reference = reference(event, "pspReference")
    event.text("eventCode")
    return f"{code}:{psp_reference}:{success}" if code and psp_reference and success else key_by_hash(written)


def _code_or_none(event: Node, name: str) -> str | None:
    try:
        return event.code(name)
    except Wrong:
        return None


def reference(node: Node, name: str) -> str | None:
    """An id that Adyen made; None when it is absent or odd. Until about 2021 they were 16 digits beginning with 8 or 9,
    every tenth of which would pass for a card number. Nobody but Adyen fills these fields."""
    value = node.fields.get(name)
    if isinstance(value, str) and len(value) == 16 and value.isascii() and value.isdecimal() and value[0] in "89":
        return value
    return node.id_or_none(name)
