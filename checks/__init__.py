"""Our own checks of the sources; see semgrep.yml."""
