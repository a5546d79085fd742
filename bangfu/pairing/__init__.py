"""Who helps whom: every household its helper, provably the best way. Pure: files and arrays in, pairs and proof out."""
