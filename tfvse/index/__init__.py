"""Search: how queries are scored against a gallery, and the galleries of exported models."""
