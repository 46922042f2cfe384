"""Tests of the code's shape: sizes, names, imports, docstrings, and what the repository's texts may say."""
