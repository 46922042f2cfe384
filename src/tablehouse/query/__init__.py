"""Requests and plans: what a request asks for, checked against a schema. Pure: no storage, no SQL."""
