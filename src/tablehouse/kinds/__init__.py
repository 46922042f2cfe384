"""Kinds of value, beneath the field types: column type, emptiness, order and equality hang on the kind alone (design 9)."""
