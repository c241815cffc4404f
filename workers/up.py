"""`recoup up`: the embedded stack until Ctrl-C."""

import sys
from pathlib import Path

from workers.embedded.stack import Stack, running_stack
from workers.shutdown import stop_on_signals


async def run_up(folder: Path, ports: dict[str, int | None]) -> None:
    stop = stop_on_signals()
    async with running_stack(folder, ports, say) as stack:
        print(what_runs(stack), flush=True)
        await stop.wait()
        say("stopping")
    say("stopped; the state stays in the folder")


def say(text: str) -> None:
    print(f"[recoup] {text}", file=sys.stderr, flush=True)


def what_runs(stack: Stack) -> str:
    return f"""
  Temporal UI   {stack.temporal_ui_url}/namespaces/default/workflows
  API           {stack.api_url}/cases   (Authorization: Bearer {stack.api_token})
  webhooks      {stack.webhook_url}   (signing secret in {stack.folder / "stack.json"})
  sandbox       {stack.sandbox_url}   messages: {stack.sandbox_url}/outbox   charges: {stack.sandbox_url}/world/ledger
  state         {stack.folder}   logs: {stack.folder / "logs"}

  Make a payment fail:
    curl -X POST {stack.sandbox_url}/world/failures -d '{{"story": "expired_card"}}'

  Ctrl-C stops everything; the state stays."""
