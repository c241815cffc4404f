"""Addresses as the page shows them to somebody who has not shown yet who they are: its owner recognises it, nobody else
learns it. As many dots for a long one as for a short one."""

HIDDEN = "•••"
DIGITS_MIN = 6
"""Of a shorter number two digits would tell too much."""


def masked_address(channel: str, address: str) -> str:
    """`a•••@e•••.com` of an e-mail address, `•••06` of a telephone number; dots alone of anything else."""
    if channel == "email":
        return _email(address.strip())
    if channel == "sms":
        digits = [c for c in address if c in "0123456789"]
        return HIDDEN + "".join(digits[-2:]) if len(digits) >= DIGITS_MIN else HIDDEN
    return HIDDEN


def _email(address: str) -> str:
    name, at, domain = address.rpartition("@")
    if not (name and at and domain):
        return HIDDEN
    host, dot, ending = domain.rpartition(".")
    return f"{name[0]}{HIDDEN}@{(host or ending)[0]}{HIDDEN}" + (f".{ending}" if host and dot and ending else "")
