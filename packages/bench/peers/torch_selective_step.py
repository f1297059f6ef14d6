"""One AdaSPEC step in eager PyTorch, as one writes it first: a worker that answers each "step" line with its time.

Live signals: target and reference forward, draft forward, forward KL of both, the quantile rule, the mean over the kept
tokens, backward, clipping, fused AdamW. Cached signals: the draft alone, its KL on the target's top k with the tail as one
more choice, and the reference's loss read. bfloat16 is autocast's.
"""
import torch

import step_setting as setting

args, ids = setting.args, setting.ids
autocast = torch.autocast("cpu", dtype=torch.bfloat16, enabled=args.bf16)
draft = setting.build_draft()
optimizer = torch.optim.AdamW(draft.parameters(), lr=setting.LEARNING_RATE, weight_decay=setting.WEIGHT_DECAY, fused=True)


def logits_of(model) -> torch.Tensor:
    with autocast:
        return model(ids, use_cache=False).logits.float()


if args.signals is None:
    reference, target = setting.build_reference(), setting.build_target()

    def losses() -> tuple:
        with torch.no_grad():
            target_logits, reference_logits = logits_of(target), logits_of(reference)
        draft_logits = logits_of(draft)
        log_p = torch.log_softmax(target_logits, -1)
        p = log_p.exp()

        def kl(logits: torch.Tensor) -> torch.Tensor:
            return (p * (log_p - torch.log_softmax(logits, -1))).sum(-1)

        draft_loss = kl(draft_logits)
        with torch.no_grad():
            return draft_loss, kl(reference_logits)

else:
    signals = setting.load_signals()
    top_ids, log_p, tail = signals["top_ids"], signals["top_logs"], signals["tail"]
    # the part of the loss that does not depend on the draft
    constant = (log_p.exp() * log_p).sum(-1) + torch.xlogy(tail, tail)

    def losses() -> tuple:
        log_q = torch.log_softmax(logits_of(draft), -1).gather(-1, top_ids)
        log_rest = (1 - log_q.exp().sum(-1)).clamp_min(1e-30).log()
        return constant - (log_p.exp() * log_q).sum(-1) - tail * log_rest, signals["reference_loss"]


def step() -> torch.Tensor:
    draft_loss, reference_loss = losses()
    excess = (draft_loss - reference_loss).detach()
    kept = (excess >= torch.quantile(excess.flatten(), 1 - args.keep)).float()
    loss = (draft_loss * kept).sum() / kept.sum()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(draft.parameters(), setting.MAXIMAL_NORM)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.detach()


setting.serve(f"eager {'bf16' if args.bf16 else 'fp32'}", step)
