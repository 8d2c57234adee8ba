import numpy as np
import pytest

from tests.figures.drawn import pixels
from tfvse.figures import confusion as confusion_figure


@pytest.mark.parametrize("classes", [3, 100])
def test_confusion_matrix(tmp_path, classes):
    names = [f"class {i}" for i in range(classes)]
    confusion = np.eye(classes) * 9
    confusion[0] = 0  # a class without examples
    assert (
        pixels(
            confusion_figure.confusion_matrix(tmp_path / "c.png", confusion, names, "title")
        ).std()
        > 0
    )
