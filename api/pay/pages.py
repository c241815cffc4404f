"""The addresses of the customer's page."""

from api.pay.doing import (
    ask_for_help,
    begin,
    finish,
    promise,
    renew,
    report_mistake,
    seen,
    send_code,
    type_code,
)
from api.pay.seeing import show, show_checkout
from api.routes import Answer, Route, refused

_ADDRESS = "/pay/{token}"
_PAGE = Answer("the page", content_type="text/html")
_NOT_IN = {
    404: Answer("the link is none of ours; said on a page", content_type="text/html"),
    410: Answer("the link has ended; said on a page", content_type="text/html"),
    429: Answer("too many requests; `Retry-After` says when to try again", content_type="text/html"),
    503: Answer("a part that is needed is away; said on a page", content_type="text/html"),
}
_SHOWN = {200: _PAGE, **_NOT_IN}
_DONE = {
    303: Answer("where to look next", content_type="text/html"),
    400: refused("the body is not the form of this page", "malformed", "invalid"),
    403: Answer("the form is not of this browser's page; said on a page", content_type="text/html"),
    **_NOT_IN,
}
_SEEN = {**_DONE, 204: Answer("noted")}

ROUTES = (
    Route("GET", _ADDRESS, show, "The page where a customer puts a failed payment right", _SHOWN, is_open=True),
    Route("POST", f"{_ADDRESS}/checkout", begin, "Its form: a way to pay was chosen", _DONE, is_open=True),
    Route(
        "GET",
        f"{_ADDRESS}/checkout/{{id}}",
        show_checkout,
        "The gateway's fields, or the outcome",
        _SHOWN,
        is_open=True,
    ),
    Route("POST", f"{_ADDRESS}/checkout/{{id}}", finish, "What the gateway's fields brought", _DONE, is_open=True),
    Route("POST", f"{_ADDRESS}/promise", promise, "A day was named", _DONE, is_open=True),
    Route("POST", f"{_ADDRESS}/mistake", report_mistake, "The claim is said to be wrong", _DONE, is_open=True),
    Route("POST", f"{_ADDRESS}/help", ask_for_help, "A person is asked for", _DONE, is_open=True),
    Route("POST", f"{_ADDRESS}/code", send_code, "Send a code to an address on file", _DONE, is_open=True),
    Route("POST", f"{_ADDRESS}/verify", type_code, "The code was typed in", _DONE, is_open=True),
    Route("POST", f"{_ADDRESS}/renew", renew, "Send a new link in the place of an ended one", _DONE, is_open=True),
    Route("POST", f"{_ADDRESS}/seen", seen, "What the page's script saw the customer do", _SEEN, is_open=True),
)
