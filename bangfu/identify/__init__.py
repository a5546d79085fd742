"""Identification: from an application or a proposal to a determination, which becomes a status in the register."""
