"""Protocols: they fix what makes two papers' numbers incomparable, and write it into the report."""
