"""No line of a log holds a card number, whoever wrote it (P9)."""

import logging
import sys

import pytest

from tests.fixtures.card_numbers import AMEX, PUBLISHED, published_in
from workers.discreet_logs import WithoutCardNumbers, log_to_stderr

LINE = "%(levelname)s %(name)s: %(message)s"


def record(message: str, *args: object, raised: Exception | None = None) -> logging.LogRecord:
    error = None
    if raised:
        try:
            raise raised
        except Exception:
            error = sys.exc_info()
    return logging.LogRecord("a.library", logging.ERROR, __file__, 1, message, args, error)


@pytest.mark.parametrize("number", PUBLISHED)
def test_neither_message_nor_argument_nor_the_text_of_an_exception_holds_one(number: str) -> None:
    lines = WithoutCardNumbers(LINE)
    for written in (
        record(f"could not charge {number}"),
        record("could not charge %s for %s", number, {"card": number}),
        record("it broke", raised=ValueError(f"bad value {number} in row (1, '{number}')")),
    ):
        said = lines.format(written)
        assert published_in(said) is None
        assert number[-4:] in said


def test_everything_else_is_written_as_ever() -> None:
    told = record("case %s is due at %s", "stripe/default/in_1", "2026-03-02 10:00:00")
    assert WithoutCardNumbers(LINE).format(told) == logging.Formatter(LINE).format(told)


def test_a_process_logs_through_it(capsys: pytest.CaptureFixture[str]) -> None:
    """As `recoup api`, `worker` and `relay` set their logging up."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()
    try:
        log_to_stderr("INFO", LINE)
        logging.getLogger("a.library").info("charged %s", AMEX)
    finally:
        root.handlers[:], root.level = handlers, level
    assert capsys.readouterr().err == "INFO a.library: charged ***********0005\n"
