"""Copying databases from one store to another, whatever storage each of them has."""
