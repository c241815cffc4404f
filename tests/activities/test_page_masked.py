"""Addresses that are shown to whoever holds the link: enough for their owner, nothing for anybody else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.page_masked import masked_address


@pytest.mark.parametrize(
    ("channel", "address", "shown"),
    [
        ("email", "anna.bauer@example.com", "a•••@e•••.com"),
        ("email", " anna@mail.example.co.uk ", "a•••@m•••.uk"),
        ("email", "a@b.de", "a•••@b•••.de"),
        ("email", "jörg@bücher.example", "j•••@b•••.example"),
        ("email", '"a@b"@example.com', '"•••@e•••.com'),
        ("email", "anna@localhost", "a•••@l•••"),
        ("email", "anna@.com", "a•••@c•••"),
        ("email", "anna@example.", "a•••@e•••"),
        ("email", "anna", "•••"),
        ("email", "@example.com", "•••"),
        ("email", "anna@", "•••"),
        ("email", "", "•••"),
        ("sms", "+15005550006", "•••06"),
        ("sms", "+49 (30) 12 34-56", "•••56"),
        ("sms", "110", "•••"),
        ("sms", "", "•••"),
        ("push", "stripe/default/cus_ada", "•••"),
    ],
)
def test_an_address_is_recognised_and_not_told(channel: str, address: str, shown: str) -> None:
    assert masked_address(channel, address) == shown


@given(st.sampled_from(["email", "sms", "in_app"]), st.text(max_size=40))
def test_any_text_can_be_masked_and_says_little(channel: str, address: str) -> None:
    shown = masked_address(channel, address)
    assert "•••" in shown
    if channel == "sms":
        assert len(shown) <= 5


@given(st.text("abcdefgh.", max_size=20), st.text("abcdefgh", max_size=20))
def test_addresses_that_begin_and_end_alike_look_alike(name: str, host: str) -> None:
    assert masked_address("email", f"x{name}@y{host}.org") == "x•••@y•••.org"
