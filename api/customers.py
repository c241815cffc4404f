"""The customer directory's front door: PUT, GET and DELETE of /customers/{source}/{account}/{id}."""

from datetime import UTC, datetime

from aiohttp import web

from activities.customers import Customer
from activities.store.erasure import Erased, Erasure
from api.errors import answer
from api.routes import UNAVAILABLE, Address, Answer, Call, Nothing, Route
from policies.base import Identifier


class Place(Address):
    source: Identifier
    account: Identifier
    customer_id: Identifier


async def put_customer(call: Call[Place, Nothing, Customer]) -> web.Response:
    customer, place = await call.body(), call.path
    customers = call.parts.store.customers
    await customers.put(place.source, place.account, place.customer_id, customer, datetime.now(UTC))
    return answer(200, customer)


async def get_customer(call: Call[Place, Nothing, None]) -> web.Response:
    place = call.path
    return answer(200, await call.parts.store.customers.get(place.source, place.account, place.customer_id))


async def erase_customer(call: Call[Place, Nothing, None]) -> web.Response:
    """For those whom nobody knows it is done as well: they may ask twice."""
    place = call.path
    erasure = Erasure(call.parts.store.pool)
    return answer(200, await erasure.erase_person(place.source, place.account, place.customer_id, datetime.now(UTC)))


_ADDRESS = "/customers/{source}/{account}/{customer_id}"
_STORED = {200: Answer("what is stored", Customer), 503: UNAVAILABLE}
_ERASED = {200: Answer("how much went", Erased), 503: UNAVAILABLE}

ROUTES = (
    Route("PUT", _ADDRESS, put_customer, "Say what may be known of a customer; replaces what was there", _STORED),
    Route("GET", _ADDRESS, get_customer, "What is known of a customer; of a stranger, the defaults", _STORED),
    Route(
        "DELETE", _ADDRESS, erase_customer, "Forget a person; proof of what was sent stays, its words do not", _ERASED
    ),
)
