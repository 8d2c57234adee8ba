"""File formats at the edge: images, .mat files, edge maps, TFDS."""
