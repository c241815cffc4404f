"""What the person at the command line can mend: told in one sentence, exit code 2."""


class Mistake(Exception):
    """The text says what is wrong and the way out."""
