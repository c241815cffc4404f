"""The channels that reach a customer, and how names are written in a policy."""

from typing import Annotated

from pydantic import Field

from policies.base import NO_CARD_NUMBER

CHANNELS = ("email", "sms", "push", "in_app", "webhook")

Name = Annotated[str, Field(pattern="^[a-z0-9_]{1,40}$"), NO_CARD_NUMBER]
Channel = Annotated[str, Field(pattern=f"^({'|'.join(CHANNELS)})$")]
