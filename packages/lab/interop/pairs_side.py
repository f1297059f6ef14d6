"""transformers on the folders of pairs.ts: the class, its keys, and its logits beside ours.

    bun packages/lab/interop/pairs.ts DIR && python packages/lab/interop/pairs_side.py DIR [record.json]

A folder is opened by the Auto class of its kind. The exit code is 1 where a class or key is another, or a logit differs by
more than 1e-4. Written against transformers 5.18.0 and PyTorch 2.13.0. See docs/interop.md.
"""

import datetime
import json
import sys
from pathlib import Path

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM

KINDS = {
    "encoder": (AutoModelForMaskedLM, "ModernBertForMaskedLM"),
    "decoder": (AutoModelForCausalLM, "ModernBertDecoderForCausalLM"),
    "encoder-from-decoder": (AutoModelForMaskedLM, "ModernBertForMaskedLM"),
}

torch.set_num_threads(1)
transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
found = {kind: {"opened": 0, "largestDifference": 0.0} for kind in KINDS}
problems = []
for folder in sorted(Path(sys.argv[1]).iterdir()):
    kind = folder.name.rsplit("-", 1)[0]
    auto, expected_class = KINDS[kind]
    expected = json.loads((folder / "expected.json").read_text())
    model, info = auto.from_pretrained(folder, attn_implementation="eager", output_loading_info=True)
    odd = {k: sorted(v) for k, v in info.items() if v}
    with torch.no_grad():
        logits = model.float().eval()(input_ids=torch.tensor([expected["ids"]])).logits.flatten()
    apart = (logits - torch.tensor(expected["logits"])).abs().max().item()
    if odd or type(model).__name__ != expected_class or apart > 1e-4:
        problems.append(f"{folder.name}: {type(model).__name__}, odd keys {odd or 'none'}, logits apart by {apart:.1e}")
    found[kind]["opened"] += 1
    found[kind]["largestDifference"] = max(found[kind]["largestDifference"], apart)
for kind, of in found.items():
    print(f"{kind}: {of['opened']} opened by {KINDS[kind][1]}, logits apart by at most {of['largestDifference']:.1e}")
print("\n".join(problems) if problems else "all the same")
if len(sys.argv) > 2:
    engine = {"name": "transformers", "version": transformers.__version__, "torch": torch.__version__}
    names = {"encoder": "encoder", "decoder": "decoder", "encoder-from-decoder": "back"}
    kinds = {names[kind]: of for kind, of in found.items()}
    record = {"date": datetime.date.today().isoformat(), "engine": engine, **kinds, "differs": problems}
    Path(sys.argv[2]).write_text(json.dumps(record) + "\n")
sys.exit(1 if problems else 0)
