"""The command line: `bangfu VERB` (design, section 9)."""
