"""The benchmarks: what the real server does, measured over real sockets, beside what it could do at best on this machine.

`python -m bench` (or `make bench`) runs them; docs/benchmarks.md says how to read what they print. Nothing in here is
imported by the product, and of the product only `tablehouse.http.process` (to run the floor on the very same HTTP stack).
"""
