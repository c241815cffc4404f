"""The vocabulary of dunning and every decision in it. Pure: values in, values out.

No clock, no network, no file read at decision time, no logging, no Temporal. The same functions serve the live
case, the preview and the property tests. Start reading at `decide.py`.
"""
