"""Every error as JSON: one sentence that says what was wrong and what to do. Never a stack trace, never a secret."""

import logging
from collections.abc import Awaitable, Callable

from aiohttp import web
from pydantic import BaseModel, ValidationError
from temporalio.service import RPCError

from activities.store.database import DATABASE_DOWN
from policies.card_numbers import without_card_numbers

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

RETRY_AFTER_SECONDS = "5"

log = logging.getLogger(__name__)


class Complaint(BaseModel):
    """`error`: a stable word for programs. `detail`: a sentence for people."""

    error: str
    detail: str


class TemporalUnreachable(Exception):
    """A client that has never connected says so with a bare RuntimeError; this is its name here."""


class UnknownAddress(Exception):
    """Nobody is set up to receive here; `error` is a word for programs."""

    def __init__(self, error: str, detail: str) -> None:
        super().__init__(detail)
        self.error = error


class Invalid(Exception):
    """What is asked for cannot be meant; the message says why."""


class SlowBody(Exception):
    """The body did not come in time."""


def answer(status: int, body: BaseModel, headers: dict[str, str] | None = None) -> web.Response:
    told = {"X-Content-Type-Options": "nosniff", **(headers or {})}
    return web.Response(text=body.model_dump_json(), status=status, content_type="application/json", headers=told)


def refuse(status: int, error: str, detail: str, headers: dict[str, str] | None = None) -> web.Response:
    """A detail may name what was asked for, such as an address or the name of a field; no card number among it."""
    return answer(status, Complaint(error=error, detail=without_card_numbers(detail)), headers)


def _last_word(status: int, error: str, detail: str) -> web.Response:
    """The rest of the body will not be read, so this connection is of no more use; its sender should know."""
    response = refuse(status, error, detail)
    response.force_close()
    return response


def first_complaint(error: ValidationError) -> str:
    """Field and reason of the first thing that is wrong; values are not repeated, they may be personal."""
    found = error.errors(include_url=False, include_input=False)[0]
    where, why = ".".join(str(part) for part in found["loc"])[:200], found["msg"].removeprefix("Value error, ")
    return f"{where}: {why}" if where else why


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPRequestEntityTooLarge:
        return _last_word(413, "too_large", f"the body is larger than {request.client_max_size} bytes")
    except web.RequestPayloadError:
        return _last_word(400, "malformed", "the body is not what its headers promise (length or content encoding)")
    except web.HTTPException as error:
        word, detail = error.reason.lower().replace(" ", "_"), f"{request.method} {request.path}: {error.reason}"
        allow = error.headers.get("Allow")
        return refuse(error.status, word, detail, {"Allow": allow} if allow else None)
    except UnknownAddress as error:
        return refuse(404, error.error, str(error))
    except SlowBody:
        return _last_word(408, "too_slow", "the body took too long to come; send it again")
    except ValidationError as error:
        return refuse(400, "invalid", first_complaint(error))
    except Invalid as error:
        return refuse(400, "invalid", str(error))
    except DATABASE_DOWN as error:
        log.error("the database did not answer: %s", type(error).__name__)
        return refuse(
            503, "unavailable", "the database cannot be reached; send it again", {"Retry-After": RETRY_AFTER_SECONDS}
        )
    except (RPCError, TemporalUnreachable) as error:
        log.error("Temporal did not answer: %s", error.status.name if isinstance(error, RPCError) else "no connection")
        return refuse(503, "unavailable", "Temporal cannot be reached; try again", {"Retry-After": RETRY_AFTER_SECONDS})
    except Exception:
        # The last line of defence: a stranger gets a sentence, the stack trace stays in our log.
        log.exception("unexpected error at %s", request.match_info.route)
        return refuse(500, "internal", "something unexpected went wrong here; it was logged")
