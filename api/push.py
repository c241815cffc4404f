"""Where browsers and telephones register for push messages. Open: the token in the address says for whom (`Links`).

Pages of the merchant call it from another host, with nothing of the browser's own (no cookie), so any may: whoever has
the token has all that is asked for.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import BaseModel, Field, RootModel, StringConstraints

from activities.store.push_devices import DEVICES_MAX, PhoneToken, WebSubscription
from api.errors import answer, refuse
from api.routes import UNAVAILABLE, Address, Answer, Call, Nothing, Route, refused
from policies.base import Request
from policies.keys import CustomerRef

ANY_PAGE = {"Access-Control-Allow-Origin": "*"}
ASKED_BEFORE = {
    **ANY_PAGE,
    "Access-Control-Allow-Methods": "POST, DELETE",
    "Access-Control-Allow-Headers": "Content-Type",
    "Access-Control-Max-Age": "86400",
}
SERVICE_WORKER = (Path(__file__).parent / "static" / "service-worker.js").read_text(encoding="utf-8")
FOR_AN_HOUR = {"Cache-Control": "public, max-age=3600", "X-Content-Type-Options": "nosniff"}

Token = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]{1,2000}$")]


class Place(Address):
    token: Token


class DevicePlace(Place):
    device_hash: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class PublicKey(BaseModel):
    """`key`: the browser's `applicationServerKey`, base64url."""

    key: str


class Browser(Request):
    kind: Literal["web"]
    subscription: WebSubscription


class Phone(Request):
    """`token`: the application's registration token of Firebase."""

    kind: Literal["fcm"]
    token: PhoneToken


class Registration(RootModel[Annotated[Browser | Phone, Field(discriminator="kind")]]):
    """A browser or a telephone."""


class NamedDevice(BaseModel):
    """`device_hash`: names it when it is to be taken back."""

    device_hash: str


async def public_key(call: Call[Place, Nothing, None]) -> web.Response:
    if _customer(call) is None:
        return _stranger()
    if call.parts.vapid_public_key is None:
        return refuse(404, "no_push", "push messages are not set up here (RECOUP_CHANNELS, push)", ANY_PAGE)
    return answer(200, PublicKey(key=call.parts.vapid_public_key), ANY_PAGE)


async def add_device(call: Call[Place, Nothing, Registration]) -> web.Response:
    """The same device may come again and again, as it should at each start of page or application."""
    customer = _customer(call)
    if customer is None:
        return _stranger()
    wanted = (await call.body()).root
    said = wanted.subscription.model_dump() if isinstance(wanted, Browser) else {"token": wanted.token}
    device = await call.parts.store.push_devices.add(customer, wanted.kind, said, datetime.now(UTC))
    if device is None:
        detail = f"the customer has {DEVICES_MAX} devices; take one back first"
        return refuse(409, "too_many_devices", detail, ANY_PAGE)
    return answer(200, NamedDevice(device_hash=device.device_hash), ANY_PAGE)


async def remove_device(call: Call[DevicePlace, Nothing, None]) -> web.Response:
    customer = _customer(call)
    if customer is None:
        return _stranger()
    if not await call.parts.store.push_devices.remove(customer, call.path.device_hash):
        return refuse(404, "unknown_device", "the customer has no such device", ANY_PAGE)
    return answer(200, NamedDevice(device_hash=call.path.device_hash), ANY_PAGE)


async def allow_pages(call: Call[Place, Nothing, None]) -> web.Response:
    return web.Response(text="", headers=ASKED_BEFORE)


async def allow_pages_of_device(call: Call[DevicePlace, Nothing, None]) -> web.Response:
    return web.Response(text="", headers=ASKED_BEFORE)


async def service_worker(call: Call[Nothing, Nothing, None]) -> web.Response:
    return web.Response(text=SERVICE_WORKER, content_type="text/javascript", headers={**FOR_AN_HOUR, **ANY_PAGE})


def _customer(call: Call[Any, Any, Any]) -> CustomerRef | None:
    links = call.parts.links
    return links.customer_of("feed", call.path.token) if links else None


def _stranger() -> web.Response:
    return refuse(404, "unknown_token", "the token is no token, or too old; ask for a new one", ANY_PAGE)


_DEVICES, _DEVICE = "/push/{token}/devices", "/push/{token}/devices/{device_hash}"
_UNKNOWN = refused("the token says nobody", "unknown_token")
_KEY = {200: Answer("the key", PublicKey), 404: refused("nobody, or no push", "unknown_token", "no_push")}
_ADDED = {
    200: Answer("it is written to from now on", NamedDevice),
    404: _UNKNOWN,
    409: refused("the customer has too many devices", "too_many_devices"),
    503: UNAVAILABLE,
}
_REMOVED = {
    200: Answer("it is written to no more", NamedDevice),
    404: refused("nobody, or no such device", "unknown_token", "unknown_device"),
    503: UNAVAILABLE,
}
_ALLOWED = {200: Answer("any page may")}
_MAY_IT = "Whether a page of another host may ask"
_SCRIPT_SENT = {200: Answer("the script", content_type="text/javascript")}

ROUTES = (
    Route("GET", "/push/service-worker.js", service_worker, "Shows push messages", _SCRIPT_SENT, is_open=True),
    Route("GET", "/push/{token}/key", public_key, "The key that a browser subscribes with", _KEY, is_open=True),
    Route("POST", _DEVICES, add_device, "Register a browser or telephone for push messages", _ADDED, is_open=True),
    Route("OPTIONS", _DEVICES, allow_pages, _MAY_IT, _ALLOWED, is_open=True),
    Route("DELETE", _DEVICE, remove_device, "Take a device back", _REMOVED, is_open=True),
    Route("OPTIONS", _DEVICE, allow_pages_of_device, _MAY_IT, _ALLOWED, is_open=True),
)
