"""The customer directory's front door: PUT and GET of /customers/{source}/{account}/{id}."""

from datetime import UTC, datetime

from aiohttp import web
from pydantic import TypeAdapter

from activities.customers import Customer
from api.errors import answer
from api.parts import PARTS
from policies.base import Identifier

_IDENTIFIER = TypeAdapter(Identifier)


async def put_customer(request: web.Request) -> web.Response:
    source, account, customer_id = _place(request)
    customer = Customer.model_validate_json(await request.read())
    await request.app[PARTS].store.customers.put(source, account, customer_id, customer, datetime.now(UTC))
    return answer(200, customer)


async def get_customer(request: web.Request) -> web.Response:
    return answer(200, await request.app[PARTS].store.customers.get(*_place(request)))


def _place(request: web.Request) -> tuple[str, str, str]:
    names = ("source", "account", "customer_id")
    source, account, customer_id = (_IDENTIFIER.validate_python(request.match_info[name]) for name in names)
    return source, account, customer_id
