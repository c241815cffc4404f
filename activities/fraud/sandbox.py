"""The sandbox's fraud check. Asking changes nothing, so silence is Unavailable and nothing is charged unchecked."""

from typing import Literal

from activities.errors import Unavailable
from activities.fraud.contract import Clear, FraudQuestion, FraudVerdict, Suspicious
from activities.sandbox_client import NoAnswer, SandboxClient
from policies.base import Record


class _Assessment(Record):
    verdict: Literal["clear", "suspicious"]
    signals: tuple[str, ...]


class SandboxFraudCheck:
    name = "sandbox"

    def __init__(self, client: SandboxClient) -> None:
        self._client = client

    async def assess(self, question: FraudQuestion) -> FraudVerdict:
        body = {
            "customer_id": question.customer_id,
            "credential_id": question.credential_id,
            "amount_minor": question.amount.amount_minor,
            "currency": question.amount.currency,
        }
        try:
            answer = await self._client.post("/fraud/assessments", body, question.now)
            if answer.status != 200:
                raise answer.misconfigured()
            assessment = answer.read_as(_Assessment)
        except NoAnswer as silence:
            raise Unavailable(str(silence)) from silence
        return Suspicious(signals=assessment.signals) if assessment.verdict == "suspicious" else Clear()
