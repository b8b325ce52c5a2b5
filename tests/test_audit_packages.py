"""Fresh layers that other packages build are what they say."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from test_report import SCREENS, browser, opened  # noqa: F401 (a fixture)

from ssmlinalg.audit import audit

# In a process of its own: importing transformers takes long and warns.
BUILD = """
import sys, warnings
warnings.simplefilter("ignore")
import torch
torch.set_num_threads(1)
torch.manual_seed(0)
folder, package = sys.argv[1:]
if package == "transformers":
    from transformers import FalconMambaConfig, FalconMambaModel, Mamba2Config, Mamba2Model
    from transformers import MambaConfig, MambaModel
    from transformers.models.mamba.modeling_mamba import MambaMixer
    small = dict(hidden_size=64, state_size=16, num_hidden_layers=2, vocab_size=64)
    heads = dict(num_heads=16, head_dim=8, expand=2, n_groups=1)
    MambaModel(MambaConfig(**small)).save_pretrained(folder + "/mamba")
    FalconMambaModel(FalconMambaConfig(**small)).save_pretrained(folder + "/falcon-mamba")
    Mamba2Model(Mamba2Config(**small, **heads)).save_pretrained(folder + "/mamba2")
    torch.save(MambaMixer(MambaConfig(**small), layer_idx=0).state_dict(), folder + "/mixer.pt")
else:
    from s5 import S5
    for blocks in (1, 4):
        layer = S5(width=32, state_width=64, block_count=blocks)
        torch.save(layer.state_dict(), f"{folder}/s5-{blocks}.pt")
"""


def built(package: str, folder: Path) -> None:
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    subprocess.run(
        [sys.executable, "-c", BUILD, str(folder), package],
        check=True,
        timeout=300,
        capture_output=True,
    )


def test_fresh_models_of_transformers_are_what_they_say(tmp_path):
    built("transformers", tmp_path)
    for target in ("mamba", "falcon-mamba", "mamba2"):
        found = audit(tmp_path / target, target=target, expect="s4d-real")
        assert found.findings == []
        assert [(layer.order, layer.fresh, layer.identified.exact) for layer in found.layers] == [
            (16, True, True)
        ] * 2
    # Only the model draws x_proj as declared: a mixer by itself leaves it to torch.nn.Linear.
    (finding,) = audit(tmp_path / "mixer.pt", target="mamba").findings
    assert (finding.kind, finding.array) == ("law", "x_proj.weight")


def test_fresh_layers_of_s5_pytorch_are_what_they_say(tmp_path):
    built("s5", tmp_path)
    for blocks in (1, 4):
        found = audit(tmp_path / f"s5-{blocks}.pt", target="s5-pytorch", expect="s5")
        assert found.findings == []
        assert found.layers[0].identified.blocks == blocks
