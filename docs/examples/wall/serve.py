"""A shop with one customer, to try Recoup's elements with.

    export RECOUP_URL=https://recoup.example.com   # where Recoup's API is
    export RECOUP_TOKEN=...                        # this back end's bearer token; it never goes to the browser
    export CUSTOMER=stripe/default/cus_1           # source/account/customer
    npm install                                    # beside this file, for react.html and vue.html only
    python serve.py                                # http://127.0.0.1:8000

Recoup must know the shop: RECOUP_FEED_ORIGINS and RECOUP_FRAME_ANCESTORS, both '["http://127.0.0.1:8000"]'.
"""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

from aiohttp import ClientSession, ClientTimeout, web

HERE = Path(__file__).parent
PLACEHOLDER = "https://recoup.example.com"
PAGES = ("plain", "react", "vue")

RECOUP = web.AppKey("recoup", ClientSession)
SETTINGS = web.AppKey("settings", dict[str, str])


def make_shop(url: str, token: str, customer: str, modules: Path = HERE / "node_modules") -> web.Application:
    """`url`: Recoup's; `token`: the bearer token; `customer`: source/account/customer_id."""
    shop = web.Application()
    shop[SETTINGS] = {"url": url.rstrip("/"), "token": token, "customer": quote(customer)}
    shop.cleanup_ctx.append(_connection)
    shop.router.add_get("/", _index)
    shop.router.add_get(r"/{name:\w+}.html", _page)
    shop.router.add_get(r"/{name:\w+\.(?:js|css)}", _file)
    shop.router.add_post("/my/recoup-token", _token)
    if modules.is_dir():
        shop.router.add_static("/node_modules", modules)
    return shop


async def _connection(shop: web.Application) -> AsyncIterator[None]:
    async with ClientSession(timeout=ClientTimeout(total=10)) as session:
        shop[RECOUP] = session
        yield


async def _token(request: web.Request) -> web.Response:
    """In your shop the customer is the one of the session, never one that the browser names."""
    settings = request.app[SETTINGS]
    address = f"{settings['url']}/pay/{settings['customer']}/token"
    headers = {"Authorization": f"Bearer {settings['token']}"}
    async with request.app[RECOUP].post(address, headers=headers) as answer:
        if answer.status != 200:
            raise web.HTTPBadGateway(text=f"Recoup answered {answer.status}")
        body = await answer.json()
    given = {"src": settings["url"], "token": body["token"]}
    return web.json_response(given, headers={"Cache-Control": "no-store"})


async def _index(request: web.Request) -> web.Response:
    links = "".join(f'<li><a href="/{name}.html">{name}</a>' for name in PAGES)
    return web.Response(text=f"<!doctype html><title>Shop</title><ul>{links}</ul>", content_type="text/html")


async def _page(request: web.Request) -> web.Response:
    if (name := request.match_info["name"]) not in PAGES:
        raise web.HTTPNotFound
    url = request.app[SETTINGS]["url"]
    html = (HERE / f"{name}.html").read_text(encoding="utf-8").replace(PLACEHOLDER, url)
    policy = (
        f"default-src 'none'; style-src 'self'; base-uri 'none'; "
        f"script-src 'self' {url}; connect-src 'self' {url}; frame-src {url}"
    )
    return web.Response(text=html, content_type="text/html", headers={"Content-Security-Policy": policy})


async def _file(request: web.Request) -> web.FileResponse:
    path = HERE / request.match_info["name"]
    if not path.is_file():
        raise web.HTTPNotFound
    return web.FileResponse(path)


if __name__ == "__main__":
    shop = make_shop(os.environ["RECOUP_URL"], os.environ["RECOUP_TOKEN"], os.environ["CUSTOMER"])
    web.run_app(shop, host="127.0.0.1", port=8000)
