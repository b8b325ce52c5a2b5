"""Colours and font of pages and pictures. One colour for each system throughout."""

HIPPO = "#98a2ae"  # grey
S4D = "#d9601a"  # orange: the normal part with half the input, and what a model is compared with
PTD = "#0f6cbd"  # blue: what was found
INK = "#1d2733"
FAINT = "#5d6975"
GRID = "#e8ebef"
RULE = "#c8ced6"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
