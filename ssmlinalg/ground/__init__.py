"""What every room stands on: array libraries, sentences of errors, files, matrices on demand. Knows
no mathematics.
"""
