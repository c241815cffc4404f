"""The customer's page: reached by a signed link, shown without scripts of others, changed only by its own forms."""
