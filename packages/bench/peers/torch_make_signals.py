"""Makes the cached signals that PyTorch's sides read: the target's top k with tail, and the reference's loss on them.

In a process of its own, as the stage of an experiment does before training, so that what it takes is in no side's memory.
"""
import torch

import step_setting as setting

top_k = min(setting.args.top_k, setting.args.vocab)


def target_signals(model) -> tuple:
    logs = torch.log_softmax(model(setting.ids, use_cache=False).logits, -1)
    top_logs, top_ids = logs.topk(top_k, -1)
    return top_ids, top_logs, (1 - top_logs.exp().sum(-1)).clamp_min(0)


def loss_on(model, top_ids, top_logs, tail) -> torch.Tensor:
    logs = torch.log_softmax(model(setting.ids, use_cache=False).logits, -1).gather(-1, top_ids)
    rest = (1 - logs.exp().sum(-1)).clamp_min(1e-30)
    return (top_logs.exp() * (top_logs - logs)).sum(-1) + torch.xlogy(tail, tail) - tail * rest.log()


with torch.no_grad():
    top_ids, top_logs, tail = target_signals(setting.build_target())
    reference_loss = loss_on(setting.build_reference(), top_ids, top_logs, tail)
torch.save(
    {"top_ids": top_ids, "top_logs": top_logs, "tail": tail, "reference_loss": reference_loss}, setting.signals_file()
)
