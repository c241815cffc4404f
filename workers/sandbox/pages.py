"""The frame and the look that every page of the sandbox shares. Whoever fills it escapes what others wrote."""

from html import escape
from string import Template

_FRAME = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
:root { color-scheme: light dark; --line: #8884; --quiet: #777; --accent: #2b6cb0; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.05rem; margin: 0; }
a { color: var(--accent); } nav a { margin-right: 1rem; }
article { border: 1px solid var(--line); border-radius: .6rem; padding: .8rem 1rem; margin: 1rem 0; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; margin: .6rem 0 0; }
.quiet { color: var(--quiet); font-size: .9rem; overflow-wrap: anywhere; margin: 0; }
.badge { border: 1px solid var(--line); border-radius: 1rem; padding: 0 .6rem; font-size: .85rem; }
dl { display: grid; grid-template-columns: auto 1fr; gap: .2rem 1rem; } dt { color: var(--quiet); } dd { margin: 0; }
</style>
</head>
<body>
<nav><a href="/">Sandbox</a><a href="/outbox">Outbox</a><a href="/world/ledger">Ledger</a></nav>
<h1>$title</h1>
$content
</body>
</html>
""")


def page(title: str, content: str) -> str:
    """`title` is plain text; `content` is HTML that is already escaped."""
    return _FRAME.substitute(title=escape(title), content=content)
