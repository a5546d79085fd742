"""The append-only, hash-chained trail, the keys of the installation, and the checks on both."""
