"""The sandbox world: billing owner, gateway, channels, access and fraud check in one small HTTP service.

A separate service with its own tables, so that its ledger survives Recoup's crashes and can convict it. It is honest:
what it answers depends on the card, the story and the time the caller sends in `X-Recoup-Now`, never on who asks.

Start reading at `app.py`. A new way for a card to behave is a case in `cards.py`; a new story is a row in `stories.py`.
"""
