"""From a trained system to files that others run.

SavedModels are for servers, LiteRT files for phones; each export has a model card.
"""
