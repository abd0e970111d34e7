"""Figures: results in, pictures out. One kind of figure a file; none computes a number that its caller did not."""
