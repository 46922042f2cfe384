"""The demo database: companies, contacts and deals of our own invention, for the first minute with Tablehouse.

The records are the CSV files beside this one. Names, addresses and numbers are made up: domains end in `.example`, telephone numbers
are from the ranges that countries keep for fiction. Dates are written as if today were the first of January 2026.
"""
