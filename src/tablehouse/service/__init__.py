"""One function per API operation; each owns its transaction. Knows nothing of HTTP."""
