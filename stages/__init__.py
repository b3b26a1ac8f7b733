"""One thin entry point per kind of DVC stage: read, call, write."""
