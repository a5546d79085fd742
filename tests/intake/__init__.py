"""Importing workbooks: the good, the odd and the bad."""
