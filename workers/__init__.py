"""Processes, settings, the embedded stack and the command line. Only here are pools, clients and adapters built."""
