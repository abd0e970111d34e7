"""Parity with the paper's own networks: four training steps of each method from weights and data given by a rule."""
