"""Data in and out as files: CSV, and the demo database. Works on a store (`service`) or a running server (`client`) alike."""
