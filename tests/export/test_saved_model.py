import types

import numpy as np
import pytest
import tensorflow as tf

from tests.export import fakes
from tfvse.errors import UserError
from tfvse.export import parity, saved_model, thumbnails
from tfvse.export.signature import LABELS, Signature


@pytest.fixture(scope="module")
def version():
    return fakes.exported()[0] / "fake" / "1"


@pytest.fixture(scope="module")
def model(version):
    return tf.saved_model.load(str(version))


def test_the_folder_is_what_tensorflow_serving_reads(version):
    found = {str(path.relative_to(version)) for path in version.rglob("*") if path.is_file()}
    assert {"saved_model.pb", "assets.extra/tf_serving_warmup_requests", "MODEL_CARD.md"} <= found
    assert "assets/vocabulary.txt" in found and "assets.extra/thumbnails.zip" in found
    assert not list(version.parent.glob(".*"))


def test_a_loaded_signature_gives_what_the_networks_give(model):
    _, system = fakes.exported()
    texts = tf.constant(["a red dog", "house"])
    got = model.signatures["encode_text"](text=texts)["latent"]
    np.testing.assert_allclose(got, system.embed_text(texts), atol=1e-6)


def test_search_gives_the_nearest_images_of_the_gallery(model):
    _, system = fakes.exported()
    images = [fakes.image_file(row) for row in range(6)]
    scores = (
        system.embed_text(["cat"]).numpy() @ system.embed_image(tf.constant(images)).numpy().T
    )[0]
    found = model.signatures["search"](text=tf.constant(["cat"]), k=tf.constant(2))
    assert [i.decode() for i in found["ids"].numpy()[0]] == [
        f"image {i}" for i in np.argsort(-scores)[:2]
    ]


@pytest.mark.parametrize("k, width", [(1, 1), (4, 4), (1000, 6), (0, 1), (-5, 1)])
def test_k_is_clipped_to_the_gallery(model, k, width):
    search = model.signatures["search"]
    assert search(text=tf.constant(["dog", "cat"]), k=tf.constant(k))["scores"].shape == (2, width)


@pytest.mark.parametrize("height, width", [(1, 1), (7, 31), (64, 16)])
def test_a_translated_image_keeps_its_size(model, height, width):
    translate = model.signatures["translate_a_to_b"]
    png = translate(image=tf.constant([fakes.image_file(0, height, width)]))["image_bytes"].numpy()[
        0
    ]
    assert tf.io.decode_png(png).shape == (height, width, 3)


def test_no_images_give_no_embeddings(model):
    encode = model.signatures["encode_image"]
    assert encode(image=tf.constant([], tf.string))["latent"].shape == (0, 4)


def test_the_card_tells_data_numbers_limits_signatures_and_agreement(version):
    card = (version / "MODEL_CARD.md").read_text()
    for words in (
        "CC0",
        "t2i/R@1 | 12.5 |  | 2.5 |",
        "folds: 1",
        "`search`",
        "string [?]",
        "classifier-int8.tflite",
    ):
        assert words in card


def test_thumbnails_are_small_jpegs_by_id(version):
    found, missing = thumbnails.read(version, ["image 3", "no such"])
    assert missing is None
    assert found.shape == (85, 128, 3)  # 20 × 30 enlarged to 128 wide


class Simple(fakes.FakeSystem):
    def __init__(self, function):
        self.function = function
        self.config = types.SimpleNamespace(system="simple")

    def gallery(self, data):
        return None

    def signatures(self, data):
        return {
            "double": Signature(
                self.function, {"x": ("float32", (None,))}, {"x": np.array([1.0, 2.0])}
            )
        }


def test_versions_count_up_and_are_never_overwritten(tmp_path, monkeypatch):
    monkeypatch.setattr(parity, "verify", lambda signatures, folder: {})
    system = Simple(lambda x: {"y": 2 * x})
    (tmp_path / "m" / "7").mkdir(parents=True)
    (tmp_path / "m" / "notes").mkdir()
    assert saved_model.export(system, fakes.DATA, None, tmp_path, "m") == tmp_path / "m" / "8"
    assert "not evaluated" in (tmp_path / "m" / "8" / "MODEL_CARD.md").read_text()
    with pytest.raises(UserError, match="m/8: exists"):
        saved_model.export(system, fakes.DATA, None, tmp_path, "m", version=8)


def test_an_export_that_computes_something_else_fails_and_leaves_nothing(tmp_path):
    def eager_and_graph_differ(x):
        return {"y": x + (0.0 if tf.executing_eagerly() else 1e-3)}

    with pytest.raises(UserError, match="double: y differs by 0.000"):
        saved_model.export(Simple(eager_and_graph_differ), fakes.DATA, None, tmp_path, "m")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["", "a/b", "../x", "a b", ".hidden", "models.config"])
def test_a_name_that_is_no_path_part_is_refused(tmp_path, name):
    with pytest.raises(UserError, match="--name"):
        saved_model.export(None, None, None, tmp_path, name)


def test_near_ties_may_swap_and_clear_ranks_may_not():
    # Scores 0.9, 0.5, 0.5, 0.1: places 1 and 2 tie, the last lies at the cut, place 0 is certain.
    ranking = {
        "scores": np.array([[0.9, 0.5, 0.5, 0.1]]),
        "ids": np.array([[b"a", b"b", b"c", b"d"]], object),
    }
    swapped = {"ids": np.array([[b"a", b"c", b"b", b"e"]], object)}
    wrong = {"ids": np.array([[b"x", b"b", b"c", b"d"]], object)}
    search = Signature(None, {}, {})
    assert parity.Outputs("search", search, ranking, swapped).difference("ids") == 0
    with pytest.raises(UserError, match="ids differs by 1"):
        parity.Outputs("search", search, ranking, wrong).difference("ids")


def test_a_full_disk_is_one_sentence(tmp_path, monkeypatch):
    def full(*_, **__):
        raise tf.errors.ResourceExhaustedError(
            None, None, "/a/b.data; No space left on device [Op:SaveV2]"
        )

    monkeypatch.setattr(tf.saved_model, "save", full)
    with pytest.raises(UserError, match=r"cannot be written \(No space left on device\)"):
        saved_model.export(Simple(lambda x: {"y": x}), fakes.DATA, None, tmp_path, "m")
    assert not any(tmp_path.iterdir())


def test_a_label_map_may_differ_in_a_pixel_of_a_thousand():
    labels = np.zeros((40, 50, 1), np.uint8)
    few, many = labels.copy(), labels.copy()
    few[0, :2], many[0, :3] = 7, 1

    def png(pixels):
        return {"class_map_bytes": np.array([tf.io.encode_png(pixels).numpy()], object)}

    predict = Signature(None, {}, {}, {"class_map_bytes": LABELS})
    before, after, worse = png(labels), png(few), png(many)
    outputs = parity.Outputs("predict", predict, before, after)
    assert outputs.difference("class_map_bytes") == 1e-3
    with pytest.raises(UserError, match="class_map_bytes differs by 0.0015"):
        parity.Outputs("predict", predict, before, worse).difference("class_map_bytes")
