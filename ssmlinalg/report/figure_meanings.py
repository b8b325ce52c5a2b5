"""The figures of a certificate in words, for pages and for the command line."""

from __future__ import annotations

MEANINGS = {
    "order": "order of the state",
    "form": "how the model is written down, a name of `ssmlinalg list forms`",
    "perturbation": "how E was chosen",
    "tau": "size of the perturbation, from 0 (HiPPO) to 1 (S4D)",
    "condition": "κ₂(V), condition of the eigenbasis: by how much it can magnify rounding",
    "scaled_condition": "Σ κⱼ over the eigenvalues: the best scaling of V has κ₂ below it",
    "backward_error": "‖E‖₂ / ‖A‖₂: the perturbation beside the matrix",
    "transfer_error": "the largest deviation of the state from HiPPO, over all frequencies",
    "transfer_bound": "proved: the transfer error is no larger",
    "abscissa": "max Re λ: the slowest decay; stable below 0",
    "residual": "‖(A + E) V − V Λ‖ / ‖A‖, of the size of rounding",
    "factorization_error": "‖A + E − V Λ V⁻¹‖ / ‖A‖, of the size of rounding times κ₂(V)",
    "proved_abscissa": "proved: Re λ is no larger for any eigenvalue of A + E",
    "law_tau": "tau by the formula 2/(κ + 1), before κ₂(V) was measured",
    "steps": "how often tau was raised by 0.5 % until κ₂(V) kept its budget",
    "conditioning": "the budget for κ₂(V)",
    "kept": "1: a result that the library keeps; 0: computed now",
    "gamma": "weight of ‖E‖ beside κ₂(V)² in what was minimized",
    "frobenius": "‖E‖ / ‖A‖ in the norm of Frobenius",
    "evaluations": "how often the search computed its objective",
    "interrupted": "1: the search was stopped early",
    "size": "‖E‖₂ / ‖A‖₂ as it was asked for",
    "absolute": "‖E‖₂",
    "closed_form_bound": "proved by formula: the transfer error is no larger",
    "index": "the column of A that E changes, from 0",
    "existence_bound": "4 N^(3/2) (1 + 1/size): some E of this size has κ₂(V) below it",
    "file": "the arrays, with the record that rebuilds them",
    "html": "the page",
}
