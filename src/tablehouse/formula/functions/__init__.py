"""The functions of formulas: one typed, documented Python function each, a file per family, and the list of them in `registry`."""
