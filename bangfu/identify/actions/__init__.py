"""Every write of identification, by what is written."""
