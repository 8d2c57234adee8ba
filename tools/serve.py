"""Serves exported models to this machine: `python tools/serve.py --model_dir=saved_models/emoji`.

Speaks TensorFlow Serving's gRPC and REST (v1); `tfvse.serving.client.Client` and `curl` work with either. Stops cleanly
on Ctrl-C and SIGTERM. For production, run `tensorflow_model_server` on the same folder.
"""

import dataclasses
import pathlib
import signal
import threading

from tfvse import errors
from tfvse.config import Settings, parse_flags, setting
from tfvse.errors import UserError


@dataclasses.dataclass(frozen=True)
class Flags(Settings):
    """Serves exported models over TensorFlow Serving's gRPC and REST."""

    model_dir: str = setting("", "folder of one exported model; its newest version is served")
    models_config: str = setting("", "models.config that lists several, instead of --model_dir")
    host: str = setting(
        "127.0.0.1", "address to listen on; anything else than loopback is open to your network"
    )
    port: int = setting(8500, "of gRPC; 0: any free one", low=0, high=65535)
    rest_port: int = setting(8501, "of REST; 0: any free one", low=0, high=65535)
    max_request_mb: int = setting(32, "largest request, in megabytes", low=1, high=1024)
    timeout: float = setting(
        30.0, "seconds to wait for a request's bytes or for a free place", low=0.1, high=3600.0
    )

    def check(self):
        if bool(self.model_dir) == bool(self.models_config):
            raise UserError(
                "give either --model_dir=saved_models/<name> or --models_config=saved_models/models.config"
            )


def main(argv):
    flags = parse_flags(Flags, argv)

    from tfvse.serving import model_config
    from tfvse.serving.models import Limits
    from tfvse.serving.server import Server

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    folder = pathlib.Path(flags.model_dir)
    folders = (
        model_config.read(flags.models_config)
        if flags.models_config
        else {folder.resolve().name: folder}
    )
    limits = Limits(request_bytes=flags.max_request_mb * 10**6, timeout=flags.timeout)
    server = Server(folders, flags.host, flags.port, flags.rest_port, limits)
    with server:
        for model in server.models:
            print(
                f"serving {model.name}, version {model.version}: {', '.join(sorted(model.signature_defs))}"
            )
        print(
            f"gRPC {flags.host}:{server.grpc_port}, REST http://{flags.host}:{server.rest_port}",
            flush=True,
        )
        stop.wait()
    print("stopped")


if __name__ == "__main__":
    errors.run(main)
