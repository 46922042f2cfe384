"""HTTP: Falcon resources made from a list of operations, errors as bodies, and the processes that serve them."""
