"""Tests of the benchmarks' own tools: a figure is worth what the thing that measured it is worth."""
