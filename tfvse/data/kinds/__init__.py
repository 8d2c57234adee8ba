"""The five kinds of prepared data: how each is written, split and read."""
