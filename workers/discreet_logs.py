"""The last line of defence of promise P9: no line of a log holds a card number, whoever wrote it, also as the text of
an exception. Nothing of ours writes one; a library may quote what it was given."""

import logging

from policies.card_numbers import without_card_numbers


class WithoutCardNumbers(logging.Formatter):
    """Of the whole line with its stack trace, as it will be written. A filter would see neither."""

    def format(self, record: logging.LogRecord) -> str:
        return without_card_numbers(super().format(record))


def log_to_stderr(level: str, line: str) -> None:
    """The process's logging from here on."""
    handler = logging.StreamHandler()
    handler.setFormatter(WithoutCardNumbers(line))
    logging.basicConfig(level=level, handlers=[handler])
