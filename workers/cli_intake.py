"""`recoup intake`: what comes in, and what became of it. Commands that ask the database are in `cli_intake_store.py`."""

import typer

intake = typer.Typer(name="intake", help="What comes in, and what became of it.", no_args_is_help=True)
