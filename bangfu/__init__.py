"""Bangfu (帮扶): targeted assistance for poor students and families, accounted for row by row."""

__version__ = "0.1.0"
