"""What was said in a case, word by word, with what became of it."""

from aiohttp import web

from activities.store.evidence import Evidence, SentMessage
from api.cases import Place
from api.errors import answer
from api.routes import UNAVAILABLE, Answer, Call, Nothing, Route
from policies.base import Record


class SentMessages(Record):
    """In the order in which they were due; empty for a case that nobody knows."""

    messages: tuple[SentMessage, ...]


async def list_messages(call: Call[Place, Nothing, None]) -> web.Response:
    sent = await Evidence(call.parts.store.pool).of_case(call.path.case.case_id)
    return answer(200, SentMessages(messages=sent))


_LISTED = {200: Answer("them, each with its words, steps and receipts", SentMessages), 503: UNAVAILABLE}

ROUTES = (
    Route(
        "GET",
        "/cases/{source}/{account}/{invoice_id}/messages",
        list_messages,
        "Every message of a case as it was sent",
        _LISTED,
    ),
)
