"""Nobody left out: who is who over all lists, and where lists and rolls differ."""
