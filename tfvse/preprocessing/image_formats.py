"""Which image files an exported model decodes by itself; every other format is converted in front of it."""

MAX_PIXELS = 64_000_000  # 192 MB once decoded
PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"


def is_decoded(image: bytes) -> bool:
    """Whether the bytes of a file begin as those of a JPEG or PNG do, which `decode_image` reads as they are."""
    return image.startswith((JPEG, PNG))
