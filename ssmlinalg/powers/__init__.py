"""Powers exact to rounding at any exponent: numbers in two words, and the tables of powers made
from them.
"""
