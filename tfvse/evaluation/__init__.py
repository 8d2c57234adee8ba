"""Protocols: everything that makes two papers' numbers incomparable is fixed here and written into the report."""
