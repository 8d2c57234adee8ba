"""A kill in the middle of training, inside one process."""

import pytest


def killed_at(step, trainer):
    """Trains until `step` is over, then drops everything as a kill would."""
    after = trainer._after_step

    def stop(*args):
        after(*args)
        if trainer.state["step"] == step:
            raise KeyboardInterrupt

    trainer._after_step = stop
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
