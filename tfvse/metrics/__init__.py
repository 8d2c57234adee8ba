"""Metrics: exact, tie-safe, NumPy in and numbers out. The choices around them are protocols, in `tfvse.evaluation`."""
