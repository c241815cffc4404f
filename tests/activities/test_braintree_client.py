"""What the vendor's client raises, sorted into what it means for a request that has an effect."""

import pytest

from activities.braintree_client import BraintreeClient, NoAnswer
from activities.errors import Unavailable
from activities.threads import Threads
from tests.activities.gateways.braintree_stand import account
from tests.fixtures.troubled import Trouble, troubled


async def act(url: str) -> None:
    threads = Threads("braintree", count=1)
    client = BraintreeClient(account(url, timeout_seconds=0.5), threads)
    try:
        await client.act(lambda gateway: gateway.subscription.retry_charge("sub1", "29.00", True))
    finally:
        client.close()
        threads.close()


async def test_what_was_never_sent_is_unavailable() -> None:
    async with troubled(Trouble.REFUSES) as url:
        with pytest.raises(Unavailable):
            await act(url)


@pytest.mark.parametrize("trouble", [Trouble.HANGS, Trouble.CLOSES, Trouble.CUTS_SHORT, Trouble.NOT_ACCEPTED])
async def test_what_may_have_been_sent_is_no_answer(trouble: Trouble) -> None:
    """Braintree has no word for a request that it did not accept, so a 503 may have acted too."""
    async with troubled(trouble) as url:
        with pytest.raises(NoAnswer):
            await act(url)
