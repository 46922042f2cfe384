"""Field types: one small file each, and the literal list of them in `registry`."""
