"""What every channel adapter promises: sent at most once, and never sure without a word from the provider."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

import pytest

from activities.channels.contract import Accepted, Channel, Letter, NotSent, Unclear
from activities.errors import Misconfigured, Unavailable
from tests.fixtures.sandbox import START
from tests.fixtures.troubled import Trouble


class ChannelStand(Protocol):
    channel: Channel
    good_address: str
    refused_address: str

    async def delivered(self) -> list[tuple[str, str, str]]:
        """Address, subject and text of every message the provider took, oldest first."""
        ...

    def troubled_channel(self, trouble: Trouble) -> AbstractAsyncContextManager[Channel]: ...


def letter_to(address: str, key: str = "mes_1") -> Letter:
    return Letter(
        key=key,
        case_id="stripe/acct/in_1",
        address=address,
        subject="Your payment did not go through",
        text="Hello – 29,00 € are open.\nPay here: https://pay.example/p/1",
        now=START,
    )


class ChannelContract:
    async def test_a_message_arrives_as_it_was_written(self, channels: ChannelStand) -> None:
        letter = letter_to(channels.good_address)
        outcome = await channels.channel.send(letter)
        assert isinstance(outcome, Accepted)
        assert outcome.reference
        assert await channels.delivered() == [(letter.address, letter.subject, letter.text)]

    async def test_an_address_that_refuses_is_not_sent(self, channels: ChannelStand) -> None:
        outcome = await channels.channel.send(letter_to(channels.refused_address))
        assert isinstance(outcome, NotSent)
        assert outcome.reason
        assert channels.refused_address not in outcome.reason
        assert await channels.delivered() == []

    async def test_two_messages_are_two_messages(self, channels: ChannelStand) -> None:
        await channels.channel.send(letter_to(channels.good_address, "mes_1"))
        await channels.channel.send(letter_to(channels.good_address, "mes_2"))
        assert len(await channels.delivered()) == 2

    @pytest.mark.parametrize(
        "trouble",
        [
            Trouble.HANGS,
            Trouble.CLOSES,
            Trouble.CUTS_SHORT,
            Trouble.BREAKS,
            Trouble.OVERLOADED,
            Trouble.GATEWAY_TIMEOUT,
            Trouble.NONSENSE,
        ],
    )
    async def test_silence_after_sending_is_unclear(self, channels: ChannelStand, trouble: Trouble) -> None:
        async with channels.troubled_channel(trouble) as channel:
            assert isinstance(await channel.send(letter_to(channels.good_address)), Unclear)

    @pytest.mark.parametrize("trouble", [Trouble.REFUSES, Trouble.NOT_ACCEPTED, Trouble.SLOW_DOWN])
    async def test_unavailable_only_when_certainly_not_sent(self, channels: ChannelStand, trouble: Trouble) -> None:
        async with channels.troubled_channel(trouble) as channel:
            with pytest.raises(Unavailable):
                await channel.send(letter_to(channels.good_address))

    async def test_a_wrong_address_of_the_provider_is_our_fault(self, channels: ChannelStand) -> None:
        async with channels.troubled_channel(Trouble.STRANGER) as channel:
            with pytest.raises(Misconfigured):
                await channel.send(letter_to(channels.good_address))
