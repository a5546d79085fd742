"""Measurements on a county of any size."""
