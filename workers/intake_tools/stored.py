"""What `recoup intake report` and `recoup intake replay` do and say."""

import json

from api.wake import wake_relays
from policies.intake.report import RuleCounts, advice
from workers.confirmation import confirmation
from workers.mistakes import Mistake
from workers.opened_store import opened_store
from workers.settings import Settings
from workers.typed_words import at_or_now, moment, quoted


async def reported(
    settings: Settings, source: str | None, account: str | None, since: str | None, as_json: bool
) -> str:
    began = moment(since) if since else None
    async with opened_store(settings) as store:
        rules = await store.refusals.by_rule(source, account, began)
    if as_json:
        listed = [{**rule.model_dump(), "good_share": rule.good_share, "advice": advice(rule)} for rule in rules]
        return json.dumps({"rules": listed}, indent=2)
    return "\n".join(line for rule in rules for line in _lines(rule)) or "no rule has spoken"


async def replayed(
    settings: Settings,
    since: str,
    until: str | None,
    source: str | None,
    account: str | None,
    yes: bool,
    as_json: bool,
) -> str:
    began, ended = moment(since), at_or_now(until)
    if began >= ended:
        raise Mistake(f"--since {quoted(since)} is not before --until; nothing came in that time")
    confirm = confirmation(f"Deliver once more what came from {began:%Y-%m-%d %H:%M} UTC on?", None, yes)
    rows = 0
    async with opened_store(settings) as store:
        if confirm(0):
            rows = await store.inbox.replay(began, ended, source, account)
            await wake_relays(store.pool)
    if as_json:
        return json.dumps({"rows": rows, "since": began.isoformat(), "until": ended.isoformat()}, indent=2)
    return f"{rows} row{'' if rows == 1 else 's'} will be delivered once more"


def _lines(rule: RuleCounts) -> list[str]:
    did = {
        "refused": rule.refused,
        "quarantined": rule.quarantined,
        "warned of": rule.warned,
        "as a shadow": rule.shadow,
    }
    said = ", ".join(f"{number} {what}" for what, number in did.items() if number)
    good = f"{rule.good_share:.0%} good ({rule.released} released, {rule.contradicted} by a later event)"
    lines = [f"{rule.source}/{rule.account}  {rule.rule}: {said}; {good}"]
    if what_to_do := advice(rule):
        lines.append(f"    -> {what_to_do}")
    return lines
