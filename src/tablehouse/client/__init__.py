"""A small client for our own API over HTTP: for commands that work on a running server."""
