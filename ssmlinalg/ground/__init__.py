"""The ground: array libraries, number formats, sentences of errors, files, matrices on demand.

It knows no mathematics but the matrix exponential.
"""
