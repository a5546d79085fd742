"""Policies as files: read, checked, compiled to one SQL statement, decided for one student or a whole country.

Pure: knows no Django and no register. Facts come in as a table, decisions go out as one.
"""
