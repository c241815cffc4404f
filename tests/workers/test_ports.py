"""Ports for the embedded stack: asked for, last time's, the usual one, any free one; in this order."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from workers.embedded.ports import PortTaken, choose_port, is_free


@contextmanager
def listening(address: str = "127.0.0.1") -> Iterator[int]:
    with socket.socket() as server:
        server.bind((address, 0))
        server.listen()
        yield int(server.getsockname()[1])


@pytest.fixture
def busy() -> Iterator[int]:
    with listening() as port:
        yield port


@pytest.fixture
def free() -> int:
    with listening() as port:
        pass
    return port


def test_a_port_that_was_asked_for_is_used_or_refused_with_a_way_out(busy: int, free: int) -> None:
    taken: set[int] = set()
    assert choose_port(free, busy, busy, taken) == free
    assert taken == {free}
    with pytest.raises(PortTaken, match=rf"port {busy} is in use; choose another one"):
        choose_port(busy, free, free, set())


def test_one_port_is_not_given_out_twice(free: int) -> None:
    with pytest.raises(PortTaken):
        choose_port(free, None, free, {free})
    assert choose_port(None, free, free, {free}) != free


def test_the_last_port_comes_before_the_usual_one(free: int) -> None:
    with listening() as other:
        pass
    assert choose_port(None, free, other, set()) == free
    assert choose_port(None, None, other, set()) == other


def test_busy_ports_are_passed_over_in_silence(busy: int, free: int) -> None:
    assert choose_port(None, busy, free, set()) == free
    somewhere = choose_port(None, busy, busy, set())
    assert somewhere != busy
    assert is_free(somewhere)


def test_whatever_is_chosen_is_remembered() -> None:
    taken: set[int] = set()
    chosen = [choose_port(None, None, 0, taken) for _ in range(50)]
    assert len(set(chosen)) == 50
    assert taken == set(chosen)


def test_a_server_on_all_addresses_makes_a_port_busy() -> None:
    with listening("0.0.0.0") as port:
        assert not is_free(port)


def test_a_port_whose_last_connection_just_ended_is_free() -> None:
    """A stack that is restarted finds its old ports although the system still remembers their connections."""
    with listening() as port, socket.create_connection(("127.0.0.1", port)):
        pass
    assert is_free(port)
