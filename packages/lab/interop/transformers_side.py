"""transformers beside Winnow: opens the folders of ours.json and compares keys, ids, logits, greedy texts and acceptance.

    python packages/lab/interop/transformers_side.py ours.json [record.json]

The second file gets what was found, as JSON. The exit code is 1 where anything differs.
Written against transformers 5.18.0 and PyTorch 2.13.0; no test of the repository needs it. See docs/interop.md.
"""

import datetime
import json
import sys

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.generation.candidate_generator import AssistedCandidateGenerator

ours = json.load(open(sys.argv[1]))
print(f"transformers {transformers.__version__}, torch {torch.__version__}")

models = {}
problems = []
for name in ("target", "draft"):
    # transformers' other kinds of attention leave out the soft cap of scores
    model, info = AutoModelForCausalLM.from_pretrained(ours[name], attn_implementation="eager", output_loading_info=True)
    odd = {k: sorted(v) for k, v in info.items() if v}
    print(f"{name}: {type(model).__name__}, {model.dtype}, missing or unexpected keys: {odd or 'none'}")
    if odd:
        problems.append(f"{name} keys")
    models[name] = model.float().eval()

tokenizer = AutoTokenizer.from_pretrained(ours["target"])
pair = AutoTokenizer.from_pretrained(ours["draft"])
print(
    f"tokenizer: {type(tokenizer).__name__}, end {tokenizer.eos_token!r} {tokenizer.eos_token_id}, "
    f"pad {tokenizer.pad_token!r} {tokenizer.pad_token_id}, start {tokenizer.bos_token!r}, "
    f"chat template: {'yes' if tokenizer.chat_template else 'no'}"
)
config, generation = models["target"].config, models["target"].generation_config
print(f"config: eos {config.eos_token_id}, pad {config.pad_token_id}; generation: eos {generation.eos_token_id}")
draft_generation = models["draft"].generation_config
print(
    f"draft's generation: {draft_generation.num_assistant_tokens} tokens a call, "
    f"{draft_generation.num_assistant_tokens_schedule}, threshold {draft_generation.assistant_confidence_threshold}"
)

# The proposals of the draft at each call, and their places: transformers reports neither, nor the accepted tokens.
calls = []
get = AssistedCandidateGenerator.get_candidates


def get_candidates(self, input_ids, *args, **kwargs):
    found = get(self, input_ids, *args, **kwargs)
    calls.append((input_ids.shape[1], found[0][0, input_ids.shape[1] :].tolist()))
    return found


AssistedCandidateGenerator.get_candidates = get_candidates

same = {"ids": 0, "texts": 0, "textsWithDraft": 0, "counts": 0}
worst = {"target": 0.0, "draft": 0.0}
blocks = proposed = accepted = rejected = 0
for row in ours["rows"]:
    ids = tokenizer(row["prompt"], add_special_tokens=False)["input_ids"]
    same["ids"] += ids == row["ids"] and pair(row["prompt"], add_special_tokens=False)["input_ids"] == row["ids"]
    input_ids = torch.tensor([row["ids"]])
    with torch.no_grad():
        for name, model in models.items():
            z = model(input_ids).logits[0, -1]
            worst[name] = max(worst[name], (z - torch.tensor(row["logits"][name])).abs().max().item())
        mask = torch.ones_like(input_ids)
        settings = dict(attention_mask=mask, do_sample=False, max_new_tokens=ours["maxNew"])
        alone = models["target"].generate(input_ids, **settings)[0, len(ids) :].tolist()
        calls.clear()
        pairwise = models["target"].generate(input_ids, assistant_model=models["draft"], **settings)
    same["texts"] += alone == row["tokens"]
    pairwise = pairwise[0, len(ids) :].tolist()
    same["textsWithDraft"] += pairwise == row["tokens"]
    # A proposed token was accepted if the text has it, and the first that differs was rejected.
    counted = [len(calls), 0, 0]
    for position, tokens in calls:
        text = pairwise[position - len(ids) :]
        matches = next((i for i, (a, b) in enumerate(zip(tokens, text)) if a != b), min(len(tokens), len(text)))
        counted[1] += matches
        counted[2] += matches < min(len(tokens), len(text))
    own = row["counts"]
    same["counts"] += counted == [own["blocks"], own["accepted"], own["rejected"]]
    blocks, accepted, rejected = blocks + counted[0], accepted + counted[1], rejected + counted[2]

n = len(ours["rows"])
for what, count in same.items():
    print(f"{what}: {count} of {n} the same")
    if count != n:
        problems.append(what)
print(f"logits after the prompt, largest difference: target {worst['target']:.1e}, draft {worst['draft']:.1e}")
tokens = sum(len(row["tokens"]) for row in ours["rows"])
o = {k: sum(row["counts"][k] for row in ours["rows"]) for k in ("blocks", "accepted", "rejected")}
sides = {
    "ours": {"accepted": o["accepted"], "tested": o["accepted"] + o["rejected"], "tau": tokens / o["blocks"]},
    "theirs": {"accepted": accepted, "tested": accepted + rejected, "tau": tokens / blocks},
}
for name, side in sides.items():
    print(f"{name}: {side['accepted']} of {side['tested']} tested tokens accepted, {side['tau']:.4f} tokens a target call")
if max(worst.values()) > 1e-3:
    problems.append("logits")
print("differs: " + ", ".join(problems) if problems else "all the same")
if len(sys.argv) > 2:
    record = {
        "date": datetime.date.today().isoformat(),
        "engine": {"name": "transformers", "version": transformers.__version__, "torch": torch.__version__},
        "conditions": {"prompts": n, "gamma": ours["gamma"], "maxNew": ours["maxNew"], "dtype": str(config.dtype)},
        "oddKeys": {name: bool(f"{name} keys" in problems) for name in models},
        "same": same,
        "largestDifference": worst,
        **sides,
        "differs": problems,
    }
    with open(sys.argv[2], "w") as file:
        file.write(json.dumps(record) + "\n")
sys.exit(1 if problems else 0)
