"""The tests, in folders that mirror the package; `cases/` holds behaviour as data."""
