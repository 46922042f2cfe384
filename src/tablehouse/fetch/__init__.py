"""Files from addresses that clients name: fetched from public hosts only, within limits of size and time (contract §8).

`Fetcher` is what others use. Whether a fetch may be made is decided by pure rules (`addresses`, `targets`); `network` makes
connections to nothing but addresses those rules have seen. Knows no table, no record and no storage.
"""
