"""`./dev bench [NAME ...]`: figures beside a baseline from the same run. Machines are shared: read the ratios."""
