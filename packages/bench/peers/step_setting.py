"""The setting of PyTorch's sides of the step: sizes from the command line, models, tokens, cached signals, protocol.

Every model has a seed of its own and the tokens another, so that all sides train the same draft on the same tokens: their
losses, step by step, are comparable.
"""
import argparse
import json
import os
import resource
import sys
import time

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM, GPTNeoXConfig, GPTNeoXForCausalLM, PreTrainedModel

parser = argparse.ArgumentParser()
parser.add_argument("--draft", required=True, help="hidden,layers,heads,intermediate")
parser.add_argument("--target", required=True)
parser.add_argument("--vocab", type=int, required=True)
parser.add_argument("--batch", type=int, required=True)
parser.add_argument("--length", type=int, required=True)
parser.add_argument("--keep", type=float, default=0.4)
parser.add_argument("--threads", type=int, required=True)
parser.add_argument("--top-k", type=int, default=64)
parser.add_argument("--signals", help="folder of the cached signals; left out: the signals are live")
parser.add_argument("--draft-folder", help="folder of the reference, whose shape the draft has; left out: of --draft")
parser.add_argument("--target-folder")
parser.add_argument("--bf16", action="store_true")
args = parser.parse_args()
torch.set_num_threads(args.threads)

LEARNING_RATE, WEIGHT_DECAY, MAXIMAL_NORM = 1e-4, 0.1, 1.0


def _build(sizes: str, seed: int) -> GPTNeoXForCausalLM:
    torch.manual_seed(seed)
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


def _frozen(sizes: str, seed: int, folder: str | None) -> PreTrainedModel:
    if folder is None:
        return _build(sizes, seed).eval()
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16, attn_implementation="sdpa").eval()


def build_draft() -> PreTrainedModel:
    if args.draft_folder is None:
        return _build(args.draft, 1)
    torch.manual_seed(1)
    config = AutoConfig.from_pretrained(args.draft_folder)
    return AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation="sdpa")


def build_reference() -> PreTrainedModel:
    return _frozen(args.draft, 2, args.draft_folder)


def build_target() -> PreTrainedModel:
    return _frozen(args.target, 3, args.target_folder)


ids = torch.randint(0, args.vocab, (args.batch, args.length), generator=torch.Generator().manual_seed(4))


def signals_file() -> str:
    return os.path.join(args.signals, "torch-signals.pt")


def load_signals() -> dict:
    """top_ids, top_logs [batch, length, k] and tail [batch, length] of the target; reference_loss [batch, length]."""
    return torch.load(signals_file(), weights_only=True)


def serve(kind: str, step, helpers: tuple = ()) -> None:
    """Answers each "step" line with the seconds and the loss of one step, a tensor of one number.

    helpers: pids of the processes that compute with this one.
    """
    versions = {"python": sys.version.split()[0], "torch": torch.__version__, "transformers": transformers.__version__}
    signals = "live" if args.signals is None else f"cached (top {args.top_k})"
    name = f"PyTorch {torch.__version__} {kind}, signals {signals}"
    print(json.dumps({"ready": name, "versions": versions, "helpers": list(helpers)}), flush=True)
    for line in sys.stdin:
        if line.strip() != "step":
            break
        start = time.perf_counter()
        loss = step()
        seconds = time.perf_counter() - start
        print(json.dumps({"seconds": seconds, "loss": loss.item()}), flush=True)
    print(json.dumps({"peakMegabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}), flush=True)
