"""Powers exact to rounding at any exponent: double-word arithmetic, and the tables made from it."""
