"""One file a data set: from its own layout to prepared records."""
