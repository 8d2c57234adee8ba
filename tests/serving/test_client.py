"""The client, the same tests over both doors."""

import numpy as np
import pytest
import tensorflow as tf

from tests.export import fakes
from tfvse.serving.client import Client, ServingError


@pytest.fixture(params=["grpc", "rest"])
def address(request, server):
    return (
        f"127.0.0.1:{server.grpc_port}"
        if request.param == "grpc"
        else f"http://127.0.0.1:{server.rest_port}"
    )


@pytest.fixture
def client(address):
    return Client(address, "fake")


def test_embeddings_are_the_networks(client):
    texts, images = (
        ["a red dog", "Zürich", ""],
        [fakes.image_file(1), fakes.image_file(9, 5, 70, jpeg=True)],
    )
    _, system = fakes.exported()
    np.testing.assert_allclose(
        client.encode_text(texts)["latent"], system.embed_text(texts), atol=1e-5
    )
    np.testing.assert_allclose(
        client.encode_image(images)["latent"], system.embed_image(images), atol=1e-5
    )
    np.testing.assert_allclose(client.embed(images), system.embed_image(images), atol=1e-5)


def test_search_answers_best_first(client):
    ids, scores = client.search("a dog", k=4)
    assert len(ids) == 4 and all(i.startswith("image ") for i in ids)
    assert scores.dtype == np.float32 and list(scores) == sorted(scores, reverse=True)


def test_search_by_image_answers_texts_and_their_images(client):
    texts, ids, scores = client.search_by_image(fakes.image_file(2), k=2)
    gallery = fakes.Gallery
    for text, image_id in zip(texts, ids, strict=True):
        assert image_id == f"image {gallery.image_of_text[gallery.texts.index(text)]}"
    assert scores.shape == (2,)


def test_classify_sorts_by_probability(client):
    classes, probabilities = client.classify(fakes.image_file(3))
    assert sorted(classes) == ["bird", "cat", "dog"]
    assert probabilities.sum() == pytest.approx(1) and list(probabilities) == sorted(
        probabilities, reverse=True
    )


@pytest.mark.parametrize("direction", ["a_to_b", "b_to_a"])
def test_a_translated_image_is_a_png_of_the_same_size(client, direction):
    assert tf.io.decode_png(client.translate(fakes.image_file(4, 9, 14), direction)).shape == (
        9,
        14,
        3,
    )


def test_a_version_can_be_named(address):
    assert len(Client(address, "fake", version=1).search("dog", k=1)[0]) == 1


def refused(code, match, call, *arguments):
    with pytest.raises(ServingError, match=match) as caught:
        call(*arguments)
    assert caught.value.code == code
    assert "\n" not in str(caught.value) and "node" not in str(caught.value)


def test_what_is_not_there_is_said(address):
    refused(
        "NOT_FOUND",
        "no model 'emoji'; this server has fake",
        Client(address, "emoji").search,
        "dog",
    )
    refused(
        "NOT_FOUND",
        "no version 7 of fake; version 1 is loaded",
        Client(address, "fake", 7).search,
        "dog",
    )


def test_a_bad_call_is_one_sentence(client):
    predict = client.predict
    refused(
        "INVALID_ARGUMENT",
        "no signature 'paint'; fake has classify",
        predict,
        "paint",
        {"image": [b""]},
    )
    refused(
        "INVALID_ARGUMENT",
        "no input 'photo'; there are image",
        predict,
        "embed",
        {"photo": [b""]},
    )
    refused("INVALID_ARGUMENT", "input 'k' is missing", predict, "search", {"text": ["dog"]})
    refused(
        "INVALID_ARGUMENT", "input 'text'", predict, "search", {"text": [1.5], "k": np.int32(1)}
    )
    refused(
        "INVALID_ARGUMENT", "input 'k'", predict, "search", {"text": ["dog"], "k": np.float32(1.5)}
    )
    k_in_a_list = {"text": ["dog"], "k": np.array([1], np.int32)}
    refused(
        "INVALID_ARGUMENT",
        r"input 'k' has shape \[1\], must be \[\]",
        predict,
        "search",
        k_in_a_list,
    )
    refused("INVALID_ARGUMENT", "holds 17 items, at most 16", client.encode_text, ["dog"] * 17)


@pytest.mark.parametrize(
    "image, match",
    [
        (b"", "not a JPEG or PNG"),
        (b"GIF89a", "not a JPEG or PNG"),
        (fakes.image_file(0)[:-40], "Invalid PNG"),
        (fakes.image_file(0, jpeg=True)[:200], "JPEG"),
        (
            fakes.image_file(0)[:16] + b"\0\0\xea\x60" * 2 + fakes.image_file(0)[24:],
            "60000 by 60000 pixels",
        ),
    ],
)
def test_a_bad_image_is_one_sentence_and_the_server_goes_on(client, image, match):
    refused("INVALID_ARGUMENT", match, client.classify, image)
    refused("INVALID_ARGUMENT", match, client.translate, image)
    assert client.classify(fakes.image_file(0))


def test_a_request_that_is_too_large_is_refused(client):
    refused("RESOURCE_EXHAUSTED", "larg", client.encode_image, [bytes(400_000)])


@pytest.mark.parametrize("address", ["127.0.0.1:1", "http://127.0.0.1:1"])
def test_no_server_is_said(address):
    refused("UNAVAILABLE", "127.0.0.1:1", Client(address, "fake", timeout=5).search, "dog")
