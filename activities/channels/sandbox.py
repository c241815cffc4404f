"""The sandbox's channels: e-mail, text message and in-app; messages land in its outbox."""

from typing import Literal

from activities.channels.contract import Accepted, Letter, NotSent, SendOutcome, Unclear
from activities.sandbox_client import NoAnswer, SandboxClient
from policies.base import Record


class _Stored(Record):
    reference: str


class SandboxChannel:
    receipts = False

    def __init__(self, name: Literal["email", "sms", "push", "in_app", "webhook"], client: SandboxClient) -> None:
        self.name: str = name
        self._client = client

    async def send(self, letter: Letter) -> SendOutcome:
        body = {
            "key": letter.key,
            "case_id": letter.case_id,
            "to": letter.address,
            "subject": letter.subject,
            "text": letter.text,
        }
        try:
            answer = await self._client.post(f"/channels/{self.name}/messages", body, letter.now)
            if answer.status == 422:
                return NotSent(reason=str(answer.body.get("error", "refused")))
            if answer.status != 200:
                raise answer.misconfigured()
            return Accepted(reference=answer.read_as(_Stored).reference)
        except NoAnswer as silence:
            return Unclear(reason=str(silence))
