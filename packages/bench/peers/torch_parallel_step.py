"""One AdaSPEC step in eager PyTorch with cached signals, by one process or by several (DistributedDataParallel over gloo).

The arguments are those of the other scripts, and the environment says how many processes: BENCH_SIZE. The process that is
started is rank 0; it starts the others, and passes the "step" lines on to them.
"""
import os
import subprocess
import sys
import tempfile

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

import step_setting as setting

size, rank = int(os.environ.get("BENCH_SIZE", "1")), int(os.environ.get("BENCH_RANK", "0"))
meeting = os.environ.get("BENCH_MEETING") or os.path.join(tempfile.mkdtemp(), "meeting")
others = []
if rank == 0:
    for other in range(1, size):
        command = [*(["taskset", "-c", str(other)] if "BENCH_TASKSET" in os.environ else []), sys.executable, *sys.argv]
        environment = {**os.environ, "BENCH_RANK": str(other), "BENCH_MEETING": meeting}
        others.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment))
args, ids = setting.args, setting.ids
autocast = torch.autocast("cpu", dtype=torch.bfloat16, enabled=args.bf16)
model = setting.build_draft()
draft = model
if size > 1:
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=size)
    draft = DistributedDataParallel(model, gradient_as_bucket_view=True)
optimizer = torch.optim.AdamW(model.parameters(), lr=setting.LEARNING_RATE, weight_decay=setting.WEIGHT_DECAY, fused=True)
signals = setting.load_signals()
top_ids, log_p, tail = signals["top_ids"], signals["top_logs"], signals["tail"]
# the part of the loss that does not depend on the draft
constant = (log_p.exp() * log_p).sum(-1) + torch.xlogy(tail, tail)


def step() -> torch.Tensor:
    for other in others:
        other.stdin.write(b"step\n")
        other.stdin.flush()
    with autocast:
        logits = draft(ids, use_cache=False).logits.float()
    log_q = torch.log_softmax(logits, -1).gather(-1, top_ids)
    log_rest = (1 - log_q.exp().sum(-1)).clamp_min(1e-30).log()
    draft_loss = constant - (log_p.exp() * log_q).sum(-1) - tail * log_rest
    excess = (draft_loss - signals["reference_loss"]).detach()
    kept = (excess >= torch.quantile(excess.flatten(), 1 - args.keep)).float()
    loss = (draft_loss * kept).sum() / kept.sum()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), setting.MAXIMAL_NORM)
    optimizer.step()
    optimizer.zero_grad(set_to_none=False)
    return loss.detach()


kind = f"{'DDP ' if size > 1 else ''}{'bf16' if args.bf16 else 'fp32'}, {size} process{'es' if size > 1 else ''}"
setting.serve(kind, step, tuple(other.pid for other in others))
for other in others:
    other.stdin.close()
    other.wait()
