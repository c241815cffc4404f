"""Takes events and actions in, shows cases. Starts and tells workflows, reads the store; moves no money, writes nobody.

`app.py` assembles the routes; one file per room of the API.
"""
