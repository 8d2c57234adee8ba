"""From a trained system to files that others run: SavedModels for servers, LiteRT for phones, and a model card."""
