"""Runs a frozen encoder over a prepared data set: `tfvse extract --image_encoder=...`."""

import dataclasses
import pathlib
from collections.abc import Sequence

from tfvse import errors
from tfvse.config import Settings, setting
from tfvse.parsing import parse_flags


@dataclasses.dataclass(frozen=True)
class Flags(Settings):
    """Flags of extract_features."""

    prepared_dir: str = setting("", "folder written by tfvse prepare")
    image_encoder: str = setting(
        "",
        "efficientnet_lite0, _lite1 or _lite2 | efficientnet_lite0_crops, _lite2_crops | "
        "efficientnet_lite0_regions | resnet50 | resnet152 | vgg19 | random | random_regions | "
        "hub:<handle or folder> | file:<path>",
    )
    text_encoder: str = setting(
        "", "minilm | hglmm | hub:<handle or folder>; the others need no features beforehand"
    )
    word_vectors: str = setting("glove_50d", "vectors that hglmm is fitted to: glove_50d or a file")
    hglmm_dim: int = setting(6000, "principal components of hglmm, at most", low=1)
    batch_size: int = setting(32, "images or texts encoded at once", low=1)

    def check(self) -> None:
        """Raises `UserError` where there is nothing to encode, or no encoder."""
        if not self.prepared_dir:
            raise errors.UserError(
                "--prepared_dir: missing; give a folder written by tfvse prepare"
            )
        if not (self.image_encoder or self.text_encoder):
            raise errors.UserError("--image_encoder, --text_encoder: give one of them, or both")


def main(argv: Sequence[str]) -> None:
    """Runs the command with the flags `argv`."""
    flags = parse_flags(Flags, list(argv))
    from tfvse.data import extraction, fisher_vectors

    folder = pathlib.Path(flags.prepared_dir)
    added: list[str] = []
    if flags.image_encoder:
        added += extraction.extract_images(folder, flags.image_encoder, flags.batch_size)
    if flags.text_encoder == "hglmm":
        fisher_vectors.fit(folder, flags.word_vectors, flags.hglmm_dim)
    if flags.text_encoder:
        added += extraction.extract_texts(folder, flags.text_encoder, flags.batch_size)
    print(f"{folder}: {'added ' + ', '.join(added) if added else 'has these features already'}")
