"""Using exported models: requests that warm them up, a small server, and a client for it and for TensorFlow Serving."""
