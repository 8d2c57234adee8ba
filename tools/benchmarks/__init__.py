"""The parts of tools/benchmark.py: each compares two ways of doing the same work."""
