"""Answers as SendGrid does when it takes a mail: `python -m benchmarks.mail_provider PORT`."""

import itertools
import sys

from aiohttp import web

_NUMBERS = itertools.count(1)


async def take(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(status=202, headers={"X-Message-Id": f"msg-{next(_NUMBERS)}"})


def main(port: int) -> None:
    app = web.Application()
    app.add_routes([web.post("/v3/mail/send", take)])
    web.run_app(app, host="127.0.0.1", port=port, print=None)


if __name__ == "__main__":
    main(int(sys.argv[1]))
