"""Systems with A + A^T = 2 sigma I - 2 P P^T in closed form: recognized, solved as chains or waves,
conditioned by Gram matrices.

=============  ==========================================================================================
file           holds
=============  ==========================================================================================
recognition    which of the known systems a matrix is, and its spectrum by the formula for it
chain          triangular systems (`legs`, `lagt`, `tlagt`): cascades of first-order all-pass filters
fourier        systems of undamped waves (`fout`, `fourier_decay`): digamma functions in place of products
gram           the condition number of the eigenvectors, from eigenvalues alone
=============  ==========================================================================================
"""
