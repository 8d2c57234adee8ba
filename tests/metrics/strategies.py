"""Random small retrieval problems, rich in ties."""

import numpy as np
from hypothesis import strategies as st


@st.composite
def tied_queries(draw, largest=6, levels=3):
    """(scores [N] of one query, its positives as sorted columns)."""
    gallery = draw(st.integers(2, largest))
    scores = draw(st.lists(st.integers(0, levels - 1), min_size=gallery, max_size=gallery))
    positives = draw(st.sets(st.integers(0, gallery - 1), min_size=1, max_size=gallery))
    return np.array(scores, float), sorted(positives)
