"""Boundary sets: what is written, what training sees of it, and what is refused."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.data import making
from tests.data.formats.test_boundaries import drawn, write_annotations
from tfvse.data import manifest
from tfvse.data.kinds import edge_records, edges
from tfvse.errors import UserError

SHAPE = (20, 30)


def bsds500(root, split="train", count=2, shape=SHAPE):
    """`count` images of noise with three annotators.

    Two draw row 5; one of them and the third draw column 8.
    """
    images, annotations = root / "data" / "images" / split, root / "data" / "groundTruth" / split
    for folder in (images, annotations):
        folder.mkdir(parents=True, exist_ok=True)
    row, column = (
        drawn(*places, shape=shape)
        for places in ([(5, x) for x in range(30)], [(y, 8) for y in range(20)])
    )
    for i in range(count):
        noise = np.random.default_rng([i, len(split)]).integers(0, 256, (*shape, 3), np.uint8)
        (images / f"{i}.jpg").write_bytes(making.encode(noise, "JPEG"))
        write_annotations(annotations / f"{i}.mat", [row, row | column, column])
    return root


def load(folder, **settings):
    defaults = {
        "resize_to": 0,
        "patch_size": 16,
        "mirror": False,
        "consensus": 2,
        "dilation": 0,
    }
    view = edges.EdgeView(**{**defaults, **settings})
    return edges.EdgeData(folder, manifest.read(folder), view)


def first_patch(data, noise=0.0):
    batch = data.train_set().fetch(tf.constant([[0]], tf.int64), tf.fill([1, 8], noise))
    return {name: value[0].numpy() for name, value in batch.items()}


@pytest.fixture
def prepared(tmp_path):
    making.prepare(
        "bsds500", tmp_path / "out", data_dir=bsds500(tmp_path / "in" / "BSDS500").parent
    )
    return tmp_path / "out"


def test_an_image_comes_back_with_every_annotator(prepared):
    name, image, drawings = load(prepared).split("train").read(1)
    assert name == "1" and image.shape == (*SHAPE, 3) and len(drawings) == 3
    assert [int(drawing.sum()) for drawing in drawings] == [30, 49, 20]


@pytest.mark.parametrize(
    "least, pixels", [(1, {"row", "column"}), (2, {"row", "column"}), (3, set())]
)
def test_training_learns_what_enough_annotators_drew(prepared, least, pixels):
    truth = first_patch(load(prepared, consensus=least))["edges"]
    assert {
        name for name, line in (("row", truth[5, 0]), ("column", truth[0, 8])) if line
    } == pixels


def test_fewer_annotators_than_asked_for_must_all_agree():
    drawings = tf.constant([[[1, 1, 0]], [[1, 0, 0]]], tf.uint8)
    assert edges.consensus(drawings, 3).numpy().tolist() == [[1, 0, 0]]


def test_dilation_makes_lines_wider():
    line = tf.constant(np.eye(1, 25, 12).reshape(5, 5), tf.uint8)  # one pixel in the middle
    assert edges.dilate(line, 1).numpy().sum() == 9 and edges.dilate(line, 0) is line


def test_a_squeezed_line_stays_whole(prepared):
    truth = first_patch(load(prepared, resize_to=16))["edges"]
    assert truth[4].all() and truth[:, 4].all() and truth.mean() < 0.35


def test_beyond_a_small_image_labels_are_ignored(prepared):
    patch = first_patch(load(prepared, patch_size=32))
    assert (patch["edges"][20:] == 2).all() and (patch["edges"][:20, :30] < 2).all()


def test_canny_fires_less_the_wider_it_looks(prepared):
    responses = first_patch(load(prepared, relaxed="canny"))["responses"]
    fired = responses.sum(axis=(0, 1))
    assert responses.shape == (16, 16, 5) and set(np.unique(responses)) <= {0, 1}
    assert fired[0] > fired[4]
    assert not first_patch(load(prepared))["responses"].any()


def test_an_edge_map_is_cut_at_multiples_of_its_mean(tmp_path):
    root, maps = bsds500(tmp_path / "in" / "BSDS500"), tmp_path / "maps"
    maps.mkdir()
    values = np.zeros(SHAPE, np.uint8)
    values[:, :10] = 30
    values[:, 10:16] = 75
    for i in range(2):
        Image.fromarray(values).save(maps / f"{i}.png")
    making.prepare("bsds500", tmp_path / "out", data_dir=root.parent, edge_maps=maps)
    # The mean is (10 · 30 + 6 · 75) / 30 = 25; thresholds 12.5, 25, 37.5, 50, 62.5: 30 passes two,
    # 75 all five.
    responses = first_patch(load(tmp_path / "out", relaxed="edge_map"))["responses"]
    assert responses[0, 0].tolist() == [1, 1, 0, 0, 0] and responses[0, 12].tolist() == [1] * 5


def test_edge_maps_must_have_been_prepared(prepared):
    with pytest.raises(UserError, match="--relaxed=edge_map.*prepare it with --edge_maps"):
        load(prepared, relaxed="edge_map").train_set()


def test_an_annotation_of_another_size_is_refused(tmp_path):
    root = bsds500(tmp_path / "in" / "BSDS500")
    write_annotations(
        root / "data" / "groundTruth" / "train" / "1.mat", [drawn((1, 1), shape=(30, 20))]
    )
    with pytest.raises(
        UserError, match="1: the image is 30 x 20 pixels and its annotation 20 x 30"
    ):
        making.prepare("bsds500", tmp_path / "out", data_dir=root.parent)
    found = making.prepare("bsds500", tmp_path / "out", data_dir=root.parent, skip_bad=True)
    assert found["splits"] == {"train": {"examples": 1}}


def test_an_image_of_one_pixel_has_no_edges(tmp_path):
    root = bsds500(tmp_path / "in" / "BSDS500")
    Image.new("RGB", (1, 1)).save(root / "data" / "images" / "train" / "0.jpg")
    with pytest.raises(UserError, match="0: the image is 1 x 1 pixels; edges need at least 2 x 2"):
        making.prepare("bsds500", tmp_path / "out", data_dir=root.parent)


def test_an_empty_annotation_and_a_missing_one_are_named(tmp_path):
    root = bsds500(tmp_path / "in" / "BSDS500")
    annotations = root / "data" / "groundTruth" / "train"
    write_annotations(annotations / "0.mat", [drawn(shape=SHAPE)])
    with pytest.raises(UserError, match="0.mat: the annotation is empty"):
        making.prepare("bsds500", tmp_path / "out", data_dir=root.parent)
    (annotations / "0.mat").unlink()
    with pytest.raises(UserError, match="has no annotation .*0.mat"):
        making.prepare("bsds500", tmp_path / "out", data_dir=root.parent)


def test_grey_and_cmyk_images_and_one_of_two_pixels_a_side(tmp_path):
    root = bsds500(tmp_path / "in" / "BSDS500", count=0)
    images, annotations = (
        root / "data" / "images" / "train",
        root / "data" / "groundTruth" / "train",
    )
    for i, (mode, size) in enumerate([("L", (30, 20)), ("CMYK", (30, 20)), ("RGB", (2, 2))]):
        (images / f"{i}.jpg").write_bytes(making.encode(Image.new(mode, size, 7), "JPEG"))
        write_annotations(annotations / f"{i}.mat", [drawn((0, 0), shape=size[::-1])])
    making.prepare("bsds500", tmp_path / "out", data_dir=root.parent)
    data = load(tmp_path / "out")
    assert [image.shape for _, image, _ in data.split("train")] == [
        (20, 30, 3),
        (20, 30, 3),
        (2, 2, 3),
    ]
    batch = data.train_set().fetch(tf.constant([[0], [1], [2]], tf.int64), tf.zeros([3, 8]))
    assert batch["image"].shape == (3, 16, 16, 3) and batch["edges"][2].numpy().ravel()[
        :3
    ].tolist() == [1, 0, 2]


def test_the_layout_of_nyud(tmp_path):
    root = bsds500(tmp_path / "in" / "BSDS500", "test")
    target = tmp_path / "nyud" / "test"
    target.mkdir(parents=True)
    (root / "data" / "images" / "test").rename(target / "images")
    (root / "data" / "groundTruth" / "test").rename(target / "groundTruth")
    assert making.prepare("nyud", tmp_path / "out", data_dir=tmp_path / "nyud")["splits"] == {
        "test": {"examples": 2}
    }


def test_a_missing_layout_is_shown(tmp_path, capsys):
    with pytest.raises(UserError, match="is missing there"):
        making.prepare("bsds500", tmp_path / "out", data_dir=tmp_path / "in")
    assert "groundTruth/{train,val,test}" in capsys.readouterr().err


def test_coarse_edges_are_the_outlines_of_a_segmentation(tmp_path):
    making.prepare("synthetic_segmentation", tmp_path / "shapes")
    found = making.prepare("coarse_edges", tmp_path / "out", data_dir=tmp_path / "shapes")
    assert found["kind"] == "edges" and found["splits"]["train"] == {"examples": 60}
    # A pixel is an outline where the one to its right or below is another: 0 0 1 / 0 0 1 / 2 2 2.
    labels = np.array([[0, 0, 1], [0, 0, 1], [2, 2, 2]])
    assert edge_records.boundaries_of(labels).tolist() == [[0, 1, 0], [1, 1, 1], [0, 0, 0]]


def test_coarse_edges_need_a_segmentation(tmp_path):
    making.prepare("synthetic_edges", tmp_path / "lines")
    with pytest.raises(
        UserError, match="holds a set for edges; coarse edges need one for segmentation"
    ):
        making.prepare("coarse_edges", tmp_path / "out", data_dir=tmp_path / "lines")


def test_pascal_context(tmp_path):
    import scipy.io

    for name in ("JPEGImages", "trainval"):
        (tmp_path / "in" / name).mkdir(parents=True)
    (tmp_path / "in" / "JPEGImages" / "a.jpg").write_bytes(making.jpeg(size=16))
    labels = np.repeat(np.arange(16, dtype=np.uint16)[None] // 8 * 400, 16, 0)
    scipy.io.savemat(tmp_path / "in" / "trainval" / "a.mat", {"LabelMap": labels})
    making.prepare("pascal_context", tmp_path / "out", data_dir=tmp_path / "in")
    _, _, (outline,) = load(tmp_path / "out").split("train").read(0)
    assert np.flatnonzero(outline.all(axis=0)).tolist() == [7]
