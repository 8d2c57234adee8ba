"""The data and the one short run of every system that the checks share."""

import pytest

from tests.conformance import experiments


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="session", params=experiments.SYSTEMS)
def experiment(request, data_folder):
    """`Experiment` of each registered system in turn."""
    return experiments.prepare(request.param, data_folder)


@pytest.fixture(scope="session")
def whole(experiment, tmp_path_factory):
    """`Watched` trainer of a run of three steps a stage that nothing has disturbed."""
    trainer = experiment.trainer(
        tmp_path_factory.mktemp(experiment.system) / "run", cls=experiments.Watched
    )
    trainer.run()
    return trainer
