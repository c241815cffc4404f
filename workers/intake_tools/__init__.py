"""What `recoup intake` does with bodies and mappings at hand; it needs no server."""
