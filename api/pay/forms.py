"""What the page's addresses and forms hold."""

from datetime import date
from typing import Annotated, Literal, TypeVar

from multidict import MultiMapping
from pydantic import Field, StringConstraints

from activities.store.checkouts import Way
from api.forms import Form
from api.routes import Address
from policies.base import ShortText
from policies.events import MistakeTopic

Token = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{1,2000}$")]
CheckoutId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_\-]{1,60}$")]
Once = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_\-]{8,60}$")]
RESULT = "result."
RESULTS_MAX, RESULT_LENGTH_MAX = 20, 16_000


class Place(Address):
    token: Token


class CheckoutPlace(Place):
    id: CheckoutId


class PayForm(Form):
    """`invoice` several times; `sum`: all, a part (then `part` is what was typed) or `plan-0`. Each way is a button; a
    stored one has a name of its own."""

    once: Once | None = None
    way: Way | None = None
    stored: Annotated[str | None, Field(alias="stored-way")] = None
    invoice: tuple[str, ...] = ()
    sum: Annotated[str, StringConstraints(pattern="^(all|part|plan-[0-9])$")] = "all"
    part: str = ""
    lend: bool = False


class CodeForm(Form):
    channel: Literal["email", "sms"]


class TypedCode(Form):
    code: Annotated[str, StringConstraints(max_length=40)]


class PromiseForm(Form):
    once: Once
    on: date


class MistakeForm(Form):
    once: Once
    topic: MistakeTopic
    words: ShortText | None = None


class HelpForm(Form):
    once: Once
    words: ShortText | None = None


SomeForm = TypeVar("SomeForm", bound=Form)


class SeenForm(Form):
    what: Literal["opened_page", "left_fields"]
    method: Annotated[str, StringConstraints(pattern="^[a-z_]{1,20}$")] | None = None


def results_of(fields: dict[str, list[str]]) -> dict[str, str]:
    """What a gateway's fields left in the form, by its own names."""
    named = [(name.removeprefix(RESULT), values[-1]) for name, values in fields.items() if name.startswith(RESULT)]
    return {name[:100]: value for name, value in named[:RESULTS_MAX] if len(value) <= RESULT_LENGTH_MAX}


def brought_back(query: MultiMapping[str]) -> dict[str, str]:
    """What a gateway added to the address it sent the browser back to, as fields of the form that finishes."""
    kept = [(name, value) for name, value in query.items() if name != "back"]
    return {f"{RESULT}{name[:100]}": value for name, value in kept[:RESULTS_MAX] if len(value) <= RESULT_LENGTH_MAX}


SAID = frozenset(
    """promised told asked not_offered not_understood wrong_amount only_all unknown_way unknown_invoice unknown_plan
    only_kept code_sent code_not_sent wrong_code code_old""".split()
)
"""What the page may be asked to say at its top; anything else in the address is not looked at."""
