"""Whether an exported model may be loaded: checksums of its files, and an allow-list of ops."""
