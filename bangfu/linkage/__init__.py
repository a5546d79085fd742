"""Which rows are the same person. Pure: tables in, matches out; Splink on DuckDB does the arithmetic."""
