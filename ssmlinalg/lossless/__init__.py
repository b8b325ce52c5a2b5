"""Systems with A + A^T = 2 sigma I - 2 P P^T in closed form: recognized, solved, conditioned.

=============  ========================================================================
file           holds
=============  ========================================================================
recognition    which of the known systems a matrix is, and its spectrum by formula
chain          triangular systems (`legs`, `lagt`, `tlagt`): all-pass filters in a row
fourier        undamped waves with feedback (`fout`, `fourier_decay`): digamma functions
gram           the condition number of the eigenvectors, from eigenvalues alone
multipole      the fast sums over eigenvalues that `gram` needs at large orders
=============  ========================================================================
"""
