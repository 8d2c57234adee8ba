"""Search: how queries are scored against a gallery, and the galleries that an exported model holds."""
