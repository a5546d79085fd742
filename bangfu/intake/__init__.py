"""Workbooks become register facts: recognised, mapped, checked, accounted for row by row."""
