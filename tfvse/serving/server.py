"""The embedded server: TensorFlow Serving's gRPC and REST interfaces for laptops and tests.

It is no TensorFlow Serving: it batches nothing, polls for no new versions and trusts its network, hence loopback by
default. Production runs `tensorflow_model_server` on the same `saved_models/`.
"""

import threading

from tfvse.errors import UserError
from tfvse.serving import grpc_service, rest
from tfvse.serving.models import DEFAULT_LIMITS, Models

_GRACE = 5  # seconds for requests under way when the server stops


class Server:
    """Both doors over one set of models; use it as a context manager, or `start` and `stop` it.

    Attributes:
      grpc_port, rest_port: the ports in use.
      models: the loaded `Models`.
    """

    def __init__(self, folders, host="127.0.0.1", port=8500, rest_port=8501, limits=DEFAULT_LIMITS):
        """Loads and warms up every model.

        Args:
          folders: model name → folder of its versions.
          host: address to listen on.
          port, rest_port: of gRPC and REST; 0: any free one.
          limits: what a request may cost.

        Raises:
          UserError: a model that does not load, or a port that is taken.
        """
        self.models = Models(folders, limits)
        try:
            self._rest = rest.RestServer(self.models, (host, rest_port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UserError(
                f"--rest_port={rest_port}: cannot listen on {host} ({reason}); take another"
            ) from None
        try:
            self._grpc, self.grpc_port = grpc_service.create(self.models, f"{host}:{port}")
        except RuntimeError:
            self._rest.server_close()
            raise UserError(
                f"--port={port}: cannot listen on {host}, it may be taken; take another"
            ) from None
        self.rest_port = self._rest.server_address[1]
        self._thread = threading.Thread(
            target=self._rest.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True
        )

    def start(self):
        """Begins to answer; returns at once."""
        self._grpc.start()
        self._thread.start()
        return self

    def stop(self):
        """Lets requests under way finish, up to some seconds, and closes both ports."""
        stopped = self._grpc.stop(_GRACE)
        self._rest.shutdown()
        self._rest.server_close()
        stopped.wait()
        self._thread.join()
        self.models.drain(_GRACE)

    __enter__ = start

    def __exit__(self, *error):
        self.stop()
