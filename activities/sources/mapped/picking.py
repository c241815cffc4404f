"""What a field of a mapping finds in an event, as a value of our vocabulary; complaints name the field and the path."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from activities.sources.contract import Lookup
from activities.sources.customer_news import CustomerNews, customer_news
from activities.sources.mapped.document import Amount, CustomerOf, DeclineOf, LookupOf, Moment, Pick
from activities.sources.mapped.expressions import Look
from activities.sources.reading import EARLIEST, LATEST, Node, Wrong, shown
from policies.declines import Decline, classify
from policies.events import MethodChange
from policies.instruments import Network, PaymentType
from policies.money import Money

_WHOLE = re.compile(r"-?[0-9]{1,18}")
VERSION_MAX = 2**62
YES_OR_NO = {"true": True, "false": False}


def picked(pick: Pick | None, look: Look) -> Any:
    """What was found, told in our words as far as the mapping has them."""
    if pick is None or pick.path is None:
        return pick.value if pick else None
    found = look(pick.path)
    for word in _spellings(found) if pick.map else ():
        if pick.map and word in pick.map:
            return pick.map[word]
    return pick.default if pick.default is not None and (found is None or pick.map) else found


def _spellings(found: Any) -> tuple[str, ...]:
    """As what a key of a map may stand for it: YAML's true is written True by the time it is a key."""
    if isinstance(found, bool):
        return (str(found), str(found).lower())
    if isinstance(found, str):
        return (found, found.capitalize()) if found in YES_OR_NO else (found,)
    return (str(found),) if isinstance(found, int | float) else ()


def _text(found: Any) -> Any:
    """Numbers are words too: codes and ids are sent as either."""
    if isinstance(found, str):
        return found.strip()
    return str(found) if isinstance(found, int) and not isinstance(found, bool) else found


# --- one word ---------------------------------------------------------------------------------------------------------


def an_id(name: str, pick: Pick, look: Look) -> str | None:
    return Node("", {name: _text(picked(pick, look))}).optional_id(name)


def a_code(name: str, pick: Pick, look: Look) -> str | None:
    return _code_in(name, picked(pick, look))


def _code_in(name: str, found: Any) -> str | None:
    return Node("", {name: _text(found)}).code(name)


def a_version(name: str, pick: Pick, look: Look) -> int | None:
    found = picked(pick, look)
    number = int(found) if isinstance(found, str) and _WHOLE.fullmatch(found.strip()) else found
    if number is None:
        return None
    if not isinstance(number, int) or isinstance(number, bool) or abs(number) > VERSION_MAX:
        raise Wrong(name, f"{name} is {shown(found)}, expected a whole number")
    return number


def a_flag(name: str, pick: Pick, look: Look) -> bool | None:
    found = picked(pick, look)
    answer = YES_OR_NO.get(found.strip().lower()) if isinstance(found, str) else found
    if found is None or isinstance(answer, bool):
        return answer
    raise Wrong(name, f"{name} is {shown(found)}, expected true or false")


def a_change(name: str, pick: Pick, look: Look) -> MethodChange | None:
    found = picked(pick, look)
    if found is None or (isinstance(found, str) and found in MethodChange._value2member_map_):
        return found if found is None else MethodChange(found)
    raise Wrong(name, f"{name} is {shown(found)}, expected one of {', '.join(MethodChange)}")


# --- times and sums ---------------------------------------------------------------------------------------------------


def a_moment(name: str, moment: Moment, look: Look) -> datetime | None:
    found = look(moment.path)
    if found is None or found == "":
        return None
    text = _text(found)
    as_ = moment.as_ or ("unix" if not isinstance(found, str) or _WHOLE.fullmatch(text) else "iso8601")
    if moment.format or as_ == "iso8601":
        return _of_text(name, text, moment)
    try:
        seconds = float(text) / (1000 if as_ == "unix_ms" else 1)
    except (TypeError, ValueError, OverflowError):
        seconds = float("nan")
    if isinstance(found, bool) or not EARLIEST <= seconds < LATEST:
        expected = "unix milliseconds" if as_ == "unix_ms" else "unix seconds"
        raise Wrong(name, f"{name} is {shown(found)}, expected {expected} between 2000 and 2100")
    return datetime.fromtimestamp(seconds, UTC)


def _of_text(name: str, text: Any, moment: Moment) -> datetime:
    try:
        # What names no zone is given the document's in the next line.
        when = datetime.strptime(text, moment.format) if moment.format else datetime.fromisoformat(text)  # noqa: DTZ007
        when = when if when.tzinfo else when.replace(tzinfo=ZoneInfo(moment.zone) if moment.zone else UTC)
        is_ours = EARLIEST <= when.timestamp() < LATEST
    except (TypeError, ValueError, OverflowError):
        is_ours = False
    if not is_ours:
        layout = f"a time as {moment.format}" if moment.format else "an ISO 8601 time"
        raise Wrong(name, f"{name} is {shown(text)}, expected {layout} between 2000 and 2100")
    return when.astimezone(UTC)


def a_sum(name: str, amount: Amount, look: Look) -> Money | None:
    found = look(amount.path)
    if found is None or found == "":
        return None
    currency = picked(amount.currency, look)
    if not isinstance(currency, str) or not currency.strip():
        where = f"{name}.currency"
        raise Wrong(where, f"{where} is {shown(currency)}, expected a code of ISO 4217")
    whole = _money(name, found, currency, amount.unit)
    taken_off = _money(name, look(amount.less), currency, amount.unit) if amount.less else None
    if whole is None:
        return None
    minor = whole.amount_minor - (taken_off.amount_minor if taken_off else 0)
    if minor < 0:
        raise Wrong(name, f"{name} is {minor} in minor units, expected no sum below zero")
    return Money(amount_minor=minor, currency=whole.currency)


def _money(name: str, found: Any, currency: str, unit: str) -> Money | None:
    node = Node("", {name: found if not isinstance(found, bool) else "a yes or no"})
    try:
        return node.minor_money(name, currency) if unit == "minor" else node.major_money(name, currency)
    except Wrong as wrong:
        # Of the currency the node knows no more than that it is one of an amount.
        raise Wrong(f"{name}.currency" if wrong.field == "currency" else name, wrong.reason) from None


# --- what has parts ---------------------------------------------------------------------------------------------------


def decline_of(parts: DeclineOf, look: Look, source: str) -> Decline | None:
    """Where the mapping tells the code in the table's words, the decline keeps the source's own."""
    code = a_code("decline.code", parts.code, look) if parts.code else None
    network_code = a_code("decline.network_code", parts.network_code, look) if parts.network_code else None
    advice_code = a_code("decline.advice_code", parts.advice_code, look) if parts.advice_code else None
    if not (code or network_code or advice_code):
        return None
    network, payment_type = picked(parts.network, look), picked(parts.payment_type, look)
    decline = classify(
        parts.table or source,
        code,
        network_code,
        advice_code,
        network=Network.named(network if isinstance(network, str) else None),
        payment_type=_payment_type(payment_type),
    )
    if not (parts.code and parts.code.path and parts.code.map):
        return decline
    own = _code_in("decline.code", look(parts.code.path)) or decline.code
    return decline.model_copy(update={"gateway": source, "code": own})


def _payment_type(word: Any) -> PaymentType:
    known = isinstance(word, str) and word.strip().lower() in PaymentType._value2member_map_
    return PaymentType(word.strip().lower()) if known else PaymentType.CARD


def lookup_of(parts: LookupOf | None, look: Look) -> Lookup | None:
    given = {
        name: an_id(f"lookup.{name}", pick, look)
        for name in LookupOf.model_fields
        if (pick := getattr(parts, name, None)) is not None
    }
    found = {name: value for name, value in given.items() if value}
    return Lookup(**found) if found else None


def news_of(parts: CustomerOf | None, customer_id: str | None, look: Look) -> CustomerNews | None:
    """What cannot be read is left out: an event must not be lost for a misspelled address."""
    if parts is None or customer_id is None:
        return None
    said: dict[str, Any] = {
        name: _plain(picked(given, look), may_be_number=name == "postal_code")
        for name in CustomerOf.model_fields
        if name not in ("since", "tags") and (given := getattr(parts, name)) is not None
    }
    said["since"] = _since(parts.since, look) if parts.since else None
    said["tags"] = _tags(picked(parts.tags, look))
    return customer_news(customer_id, **said)


def _plain(found: Any, may_be_number: bool) -> str | None:
    text = _text(found) if may_be_number or isinstance(found, str) else None
    return text if isinstance(text, str) and text else None


def _since(moment: Moment, look: Look) -> datetime | None:
    try:
        return a_moment("customer.since", moment, look)
    except Wrong:
        return None


def _tags(found: Any) -> tuple[str, ...]:
    tags = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    return tuple(tag for tag in tags if isinstance(tag, str))


READINGS: Mapping[str, Callable[[str, Any, Look], Any]] = {
    **dict.fromkeys(
        ("invoice_id", "customer_id", "subscription_id", "credential_id", "dispute_id", "mandate_id", "replaced_by"),
        an_id,
    ),
    **dict.fromkeys(("happened_at", "retries_at"), a_moment),
    **dict.fromkeys(("amount", "paid", "remaining"), a_sum),
    **dict.fromkeys(("out_of_band", "won", "active", "retries_itself"), a_flag),
    "version": a_version,
    "signal": a_code,
    "change": a_change,
}
"""How each field of an event is read; the decline is read beside them, since it needs the source's name."""
