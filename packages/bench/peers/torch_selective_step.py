"""One AdaSPEC step in eager PyTorch, as a worker: reads "step" lines, answers each with a JSON line of its time.

Models are transformers' GPT-NeoX with random weights; the step is target and reference forward, draft forward, forward KL
of both, the quantile rule, the mean over the kept tokens, backward, clipping, fused AdamW.
"""
import argparse
import json
import resource
import sys
import time

import torch
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

parser = argparse.ArgumentParser()
parser.add_argument("--draft", required=True, help="hidden,layers,heads,intermediate")
parser.add_argument("--target", required=True)
parser.add_argument("--vocab", type=int, required=True)
parser.add_argument("--batch", type=int, required=True)
parser.add_argument("--length", type=int, required=True)
parser.add_argument("--keep", type=float, default=0.4)
parser.add_argument("--threads", type=int, required=True)
parser.add_argument("--bf16", action="store_true")
args = parser.parse_args()
torch.set_num_threads(args.threads)
torch.manual_seed(0)


def build(sizes: str) -> GPTNeoXForCausalLM:
    hidden, layers, heads, intermediate = (int(x) for x in sizes.split(","))
    return GPTNeoXForCausalLM(
        GPTNeoXConfig(
            vocab_size=args.vocab,
            hidden_size=hidden,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            intermediate_size=intermediate,
            max_position_embeddings=max(2048, args.length),
            attn_implementation="sdpa",
        )
    )


draft, reference, target = build(args.draft), build(args.draft).eval(), build(args.target).eval()
optimizer = torch.optim.AdamW(draft.parameters(), lr=1e-4, weight_decay=0.1, fused=True)
ids = torch.randint(0, args.vocab, (args.batch, args.length))
autocast = torch.autocast("cpu", dtype=torch.bfloat16, enabled=args.bf16)


def step() -> None:
    with torch.no_grad(), autocast:
        target_logits = target(ids, use_cache=False).logits.float()
        reference_logits = reference(ids, use_cache=False).logits.float()
    with autocast:
        draft_logits = draft(ids, use_cache=False).logits.float()
    log_p = torch.log_softmax(target_logits, -1)
    p = log_p.exp()

    def kl(logits: torch.Tensor) -> torch.Tensor:
        return (p * (log_p - torch.log_softmax(logits, -1))).sum(-1)

    draft_loss = kl(draft_logits)
    with torch.no_grad():
        excess = draft_loss - kl(reference_logits)
        kept = (excess >= torch.quantile(excess.flatten(), 1 - args.keep)).float()
    loss = (draft_loss * kept).sum() / kept.sum()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(draft.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


print(json.dumps({"ready": f"PyTorch {torch.__version__} {'bf16' if args.bf16 else 'fp32'}"}), flush=True)
for line in sys.stdin:
    if line.strip() != "step":
        break
    start = time.perf_counter()
    step()
    print(json.dumps({"seconds": time.perf_counter() - start}), flush=True)
print(json.dumps({"peakMegabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}), flush=True)
