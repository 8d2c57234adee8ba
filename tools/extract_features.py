"""Runs a frozen encoder over a prepared data set: extract_features.py --prepared_dir=... --image_encoder=..."""

import dataclasses
import pathlib

from tfvse import errors
from tfvse.config import Settings, parse_flags, setting


@dataclasses.dataclass(frozen=True)
class Flags(Settings):
    """Flags of extract_features."""

    prepared_dir: str = setting("", "folder written by tools/prepare_data.py")
    image_encoder: str = setting("", "efficientnet_lite0 | resnet152 | vgg19 | random | hub:<handle or folder>")
    text_encoder: str = setting("", "hub:<handle or folder>; other text encoders need no features beforehand")
    batch_size: int = setting(32, "pictures or texts encoded at once", low=1)

    def check(self):
        if not self.prepared_dir:
            raise errors.UserError("--prepared_dir: missing; give a folder written by tools/prepare_data.py")
        if not (self.image_encoder or self.text_encoder):
            raise errors.UserError("--image_encoder, --text_encoder: give one of them, or both")


def main(argv):
    flags = parse_flags(Flags, argv)
    from tfvse.encoders import extraction  # TensorFlow, only once the flags are known to be right

    folder, added = pathlib.Path(flags.prepared_dir), []
    if flags.image_encoder:
        added += extraction.extract_images(folder, flags.image_encoder, flags.batch_size)
    if flags.text_encoder:
        added += extraction.extract_texts(folder, flags.text_encoder, flags.batch_size)
    print(f"{folder}: {'added ' + ', '.join(added) if added else 'has these features already'}")


if __name__ == "__main__":
    errors.run(main)
