import pytest

from tests.export import fakes
from tfvse.serving.limits import Limits
from tfvse.serving.server import Server


@pytest.fixture(scope="session")
def server():
    """The fake system, served on loopback under tight limits."""
    limits = Limits(request_bytes=300_000, batch=16, timeout=2.0)
    with Server(
        {"fake": fakes.exported()[0] / "fake"}, port=0, rest_port=0, limits=limits
    ) as running:
        yield running
