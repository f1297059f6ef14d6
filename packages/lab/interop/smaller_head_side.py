"""An exported draft that predicts some ids, read by torch and transformers: d2t, t2d, and the most probable ids beside ours.

    python packages/lab/interop/smaller_head_side.py DIR ours.json

ours.json has `ids`, one sequence, and `best`, the most probable id after each position by Winnow. The exit code is 1 where
the tensors disagree, an id differs, or transformers opens the folder as a whole model. Written against transformers 5.18.0
and PyTorch 2.13.0. See docs/interop.md.
"""

import json
import sys

import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

folder, ours = sys.argv[1], json.load(open(sys.argv[2]))
tensors = load_file(f"{folder}/model.safetensors")
d2t, t2d = tensors["d2t"], tensors["t2d"]
ids = torch.arange(len(d2t)) + d2t
both = d2t.dtype == torch.int64 and t2d.dtype == torch.bool and torch.equal(ids, t2d.nonzero().flatten())
print(f"d2t {d2t.dtype} {list(d2t.shape)}, t2d {t2d.dtype} {list(t2d.shape)}, one list of ids: {both}")
try:
    AutoModelForCausalLM.from_pretrained(folder)
    refused = False
except RuntimeError:
    refused = True
print(f"as a whole model: {'refused' if refused else 'opened'}")
model = AutoModelForCausalLM.from_pretrained(folder, ignore_mismatched_sizes=True).float().eval()
with torch.no_grad():
    h = model.model(torch.tensor(ours["ids"])).last_hidden_state[0]
    row = (h @ tensors["lm_head.weight"].float().T).argmax(-1)
best = (row + d2t[row]).tolist()
print(f"most probable ids: {sum(a == b for a, b in zip(best, ours['best']))} of {len(best)} the same")
sys.exit(0 if both and refused and best == ours["best"] else 1)
