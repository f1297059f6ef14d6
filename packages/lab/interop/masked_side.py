"""transformers on an exported encoder: its keys, its tokenizer, and its logits beside ours.

    python packages/lab/interop/masked_side.py DIR logits.json

logits.json has `ids`, one sequence, and `logits`, those of Winnow in one list. The exit code is 1 where keys differ or a
logit differs by more than 1e-4. Written against transformers 5.18.0 and PyTorch 2.13.0. See docs/interop.md.
"""

import json
import sys

import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer

folder, ours = sys.argv[1], json.load(open(sys.argv[2]))
model, info = AutoModelForMaskedLM.from_pretrained(folder, output_loading_info=True)
odd = {k: sorted(v) for k, v in info.items() if v}
print(f"{type(model).__name__}, missing or unexpected keys: {odd or 'none'}")
tokenizer = AutoTokenizer.from_pretrained(folder)
print(f"tokenizer: {type(tokenizer).__name__}, end {tokenizer.eos_token_id}, pad {tokenizer.pad_token_id}")
with torch.no_grad():
    logits = model.float().eval()(torch.tensor(ours["ids"])).logits.flatten()
worst = (logits - torch.tensor(ours["logits"])).abs().max().item()
print(f"logits, largest difference: {worst:.1e}")
sys.exit(1 if odd or worst > 1e-4 else 0)
