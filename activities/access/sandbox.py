"""The sandbox's access control. Its key makes a repeated change harmless, so silence is Unavailable: ask again."""

from activities.access.contract import AccessSet, SetAccess
from activities.errors import NotFound, Unavailable
from activities.sandbox_client import NoAnswer, SandboxClient


class SandboxAccess:
    name = "sandbox"

    def __init__(self, client: SandboxClient) -> None:
        self._client = client

    async def set_access(self, change: SetAccess) -> AccessSet:
        body = {
            "key": change.key,
            "customer_id": change.customer_id,
            "level": change.level.value,
            "takes": list(change.takes),
        }
        try:
            answer = await self._client.post("/access/changes", body, change.now)
            if answer.code == "no_such_customer":
                raise NotFound(f"the sandbox has no customer {change.customer_id}")
            if answer.status != 200:
                raise answer.misconfigured()
            return answer.read_as(AccessSet)
        except NoAnswer as silence:
            raise Unavailable(str(silence)) from silence
