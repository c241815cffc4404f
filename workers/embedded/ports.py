"""Ports for the embedded stack: the one asked for, else last time's, else the usual one, else any free one."""

import socket

from workers.mistakes import Mistake


class PortTaken(Mistake):
    """The port that was asked for is in use."""


def choose_port(asked: int | None, last: int | None, usual: int, taken: set[int]) -> int:
    """Raises PortTaken only for a port that was asked for; `taken` collects what this stack uses already."""
    if asked:
        if asked in taken or not is_free(asked):
            raise PortTaken(f"port {asked} is in use; choose another one or leave the option out")
        taken.add(asked)
        return asked
    for port in (last, usual):
        if port and port not in taken and is_free(port):
            taken.add(port)
            return port
    port = _any_free(taken)
    taken.add(port)
    return port


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _any_free(taken: set[int]) -> int:
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in taken:
            return port
