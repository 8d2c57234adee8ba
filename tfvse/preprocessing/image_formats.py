"""Which image files an exported model decodes by itself.

Every other format is converted in front of it.
"""

MAX_PIXELS = 64_000_000  # 192 MB once decoded
PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"


def is_decoded(image: bytes) -> bool:
    """Tells whether a file begins as a JPEG or PNG does, which `decode_image` reads."""
    return image.startswith((JPEG, PNG))
