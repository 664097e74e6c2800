"""Hydra's jobs as tasks of a Ray cluster."""
