"""Pages: they read a request, call one query or action, and show what comes back."""
