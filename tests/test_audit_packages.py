"""Fresh layers that other packages build are what they say."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ssmlinalg.audit import audit

# In a process of its own: importing s5 takes long and warns.
BUILD = """
import sys, warnings
warnings.simplefilter("ignore")
import torch
torch.set_num_threads(1)
torch.manual_seed(0)
from s5 import S5
for blocks in (1, 4):
    layer = S5(width=32, state_width=64, block_count=blocks)
    torch.save(layer.state_dict(), f"{sys.argv[1]}/s5-{blocks}.pt")
"""


def test_fresh_layers_of_s5_pytorch_are_what_they_say(tmp_path):
    pytest.importorskip("s5")
    command = [sys.executable, "-c", BUILD, str(tmp_path)]
    subprocess.run(command, check=True, timeout=300, capture_output=True)
    for blocks in (1, 4):
        found = audit(tmp_path / f"s5-{blocks}.pt", target="s5-pytorch", expect="s5")
        assert found.findings == []
        assert found.layers[0].identified.blocks == blocks
