"""Using exported models: warm-up requests, a small server, and a client for any server."""
