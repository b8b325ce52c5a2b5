"""The ground: what every room stands on.

Array libraries, the gate to the host, number formats, the sentences of errors, figures known from
both sides, files that are whole or not there, matrices on demand, one thread for BLAS. It knows no
mathematics but the matrix exponential.
"""
