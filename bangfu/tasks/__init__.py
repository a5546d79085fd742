"""What somebody must do by when, and long work with its progress."""
