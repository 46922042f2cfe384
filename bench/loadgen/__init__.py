"""The load generator: a small C program, and the Python that compiles it, writes its request files and reads its report.

Why our own: a generator in Python would eat the core that the server needs, and the known compiled ones (wrk, oha, hey) are
no Python packages, repeat one request, or cannot check that every answer has the status its request expects.
loadgen.c says how it measures, requests.h what a request file looks like.
"""
