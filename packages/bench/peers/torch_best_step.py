"""The same AdaSPEC step as fast as we could make PyTorch do it on a CPU, for its author's own comparison: a worker.

Trunks are compiled by inductor; target and reference are bfloat16 and frozen, so that their weights are packed once; attention
is two products and a softmax, which is faster here than scaled_dot_product_attention. Heads run on parts of the rows, one
fused pass over the parts' logits gives the statistics. Logits of draft and target are kept in bfloat16, so that the kept rows
need no second product; the gradient of the head is written by hand; clipping is part of the fused optimizer.
"""
import torch
from torch import nn
from torch.nn import functional as F

import step_setting as setting

args, ids = setting.args, setting.ids
bf16 = torch.bfloat16
rows = ids.numel()
PART = 512  # rows whose logits are made at once
parts = [slice(at, min(rows, at + PART)) for at in range(0, rows, PART)]


def compiled(f, **options):
    return torch.compile(f, fullgraph=True, dynamic=False, options=options)


class Trunk(nn.Module):
    """transformers' GPT-NeoX up to its head: ids to [rows, hidden]. Products are bfloat16, norms and the sums float32."""

    def __init__(self, model):
        super().__init__()
        self.model = model.gpt_neox
        self.heads = model.config.num_attention_heads
        self.size = model.config.hidden_size // self.heads
        cos, sin = (table[:, None].float() for table in self.model.rotary_emb(torch.zeros(1), torch.arange(args.length)[None]))
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        mask = torch.full((args.length, args.length), float("-inf")).triu(1)
        self.register_buffer("mask", mask, persistent=False)

    @staticmethod
    def norm(layer, x):
        return F.layer_norm(x, layer.normalized_shape, layer.weight.float(), layer.bias.float(), layer.eps)

    @staticmethod
    def product(layer, x):
        return F.linear(x.to(bf16), layer.weight.to(bf16), layer.bias.to(bf16))

    def rotated(self, x):
        turning = self.cos.shape[-1]
        moved, rest = x[..., :turning].float(), x[..., turning:]
        half = torch.cat((-moved[..., turning // 2 :], moved[..., : turning // 2]), -1)
        return torch.cat(((moved * self.cos + half * self.sin).to(x.dtype), rest), -1)

    def attention(self, layer, x):
        batch, length, _ = x.shape
        mixed = self.product(layer.query_key_value, x).view(batch, length, self.heads, 3 * self.size).transpose(1, 2)
        q, k, v = mixed.chunk(3, -1)
        scores = (self.rotated(q) * self.size**-0.5) @ self.rotated(k).transpose(-1, -2)
        weights = torch.softmax(scores.float() + self.mask, -1).to(bf16)
        return self.product(layer.dense, (weights @ v).transpose(1, 2).reshape(batch, length, -1))

    def forward(self, ids):
        x = F.embedding(ids, self.model.embed_in.weight).float()
        for layer in self.model.layers:
            attended = self.attention(layer.attention, self.norm(layer.input_layernorm, x))
            inner = self.product(layer.mlp.dense_h_to_4h, self.norm(layer.post_attention_layernorm, x))
            x = x + attended + self.product(layer.mlp.dense_4h_to_h, F.gelu(inner))
        return self.norm(self.model.final_layer_norm, x).reshape(rows, -1)


class Frozen:
    """A model that is not trained: everything in bfloat16, weights packed for the products' kernel."""

    def __init__(self, model):
        trunk = Trunk(model).eval()
        trunk.model.to(bf16)
        self.trunk = compiled(trunk, freezing=True)
        head = model.get_output_embeddings().weight.detach().to(bf16)
        self.packed = torch.ops.mkldnn._reorder_linear_weight(head, PART)

    def hidden(self):
        return self.trunk(ids).to(bf16)

    def logits(self, hidden):
        return torch.ops.mkldnn._linear_pointwise(hidden, self.packed, None, "none", [], "")


def log_sum(x):
    largest = x.amax(-1)
    return (x - largest[:, None]).exp().sum(-1).log() + largest


@compiled
def live_statistics(target, reference, draft, target_kept):
    """Of a part's rows: the draft's KL, its excess over the reference's, both log sums; and the target's logits, kept."""
    target_kept.copy_(target)
    target, reference, draft = target.float(), reference.float(), draft.float()
    largest = target.amax(-1, keepdim=True)
    p = (target - largest).exp()
    total = p.sum(-1)
    target_sum, draft_sum = total.log() + largest[:, 0], log_sum(draft)
    loss = (p * (target - draft)).sum(-1) / total - target_sum + draft_sum
    excess = (p * (reference - draft)).sum(-1) / total + draft_sum - log_sum(reference)
    return loss, excess, target_sum, draft_sum


@compiled
def live_gradient(target, draft, target_sum, draft_sum, kept, scale):
    q = (draft[kept].float() - draft_sum[kept][:, None]).exp()
    p = (target[kept].float() - target_sum[kept][:, None]).exp()
    return ((q - p) * scale).to(bf16)


@compiled
def cached_statistics(draft, top_ids, top_logs, tail, reference_loss):
    """The same with a cached target; in place of its log sum 1 - tail / (the draft's share of the tail)."""
    draft = draft.float()
    draft_sum = log_sum(draft)
    top = draft.gather(1, top_ids) - draft_sum[:, None]
    rest = (1 - top.exp().sum(-1)).clamp_min(1e-30)
    loss = (top_logs.exp() * (top_logs - top)).sum(-1) + torch.xlogy(tail, tail) - tail * rest.log()
    return loss, loss - reference_loss, 1 - tail / rest, draft_sum


@compiled
def cached_gradient(draft, draft_sum, rest, kept, scale):
    return ((draft[kept].float() - draft_sum[kept][:, None]).exp() * (rest[kept] * scale)[:, None]).to(bf16)


@compiled
def cached_gradient_of_top(draft, draft_sum, top_ids, top_logs, kept, scale):
    q = (draft[kept].gather(1, top_ids[kept]).float() - draft_sum[kept][:, None]).exp()
    return ((q - top_logs[kept].exp()) * scale).to(bf16)


@compiled
def rounded(x):
    return x.to(bf16)


draft = setting.build_draft()
trunk = compiled(Trunk(draft))
head = draft.get_output_embeddings().weight
optimizer = torch.optim.AdamW(draft.parameters(), lr=setting.LEARNING_RATE, weight_decay=setting.WEIGHT_DECAY, fused=True)
draft_logits = torch.empty(rows, args.vocab, dtype=bf16)
if args.signals is None:
    target, reference = Frozen(setting.build_target()), Frozen(setting.build_reference())
    target_logits = torch.empty(rows, args.vocab, dtype=bf16)
else:
    signals = {name: x.reshape(rows, *x.shape[2:]) for name, x in setting.load_signals().items()}
    top_ids, top_logs = signals["top_ids"], signals["top_logs"]


@torch.no_grad()
def head_backward(hidden) -> tuple:
    """The loss on the kept rows, and its gradients by the hidden states [rows, hidden] and by the head [vocab, hidden]."""
    hidden, weight = hidden.detach().to(bf16), rounded(head.detach())
    if args.signals is None:
        with torch.inference_mode():
            of_target, of_reference = target.hidden(), reference.hidden()
    out = []
    for part in parts:
        logits = torch.mm(hidden[part], weight.T, out=draft_logits[part])
        if args.signals is None:
            frozen = target.logits(of_target[part]), reference.logits(of_reference[part])
            out.append(live_statistics(*frozen, logits, target_logits[part]))
        else:
            cached = (signals[name][part] for name in ("top_ids", "top_logs", "tail", "reference_loss"))
            out.append(cached_statistics(logits, *cached))
    loss, excess, of_signals, draft_sum = (torch.cat(column) for column in zip(*out))
    kept = (excess >= torch.quantile(excess, 1 - args.keep)).nonzero()[:, 0]
    scale = torch.tensor(1 / kept.numel())
    if args.signals is None:
        gradient = live_gradient(target_logits, draft_logits, of_signals, draft_sum, kept, scale)
    else:
        gradient = cached_gradient(draft_logits, draft_sum, of_signals, kept, scale)
        of_top = cached_gradient_of_top(draft_logits, draft_sum, top_ids, top_logs, kept, scale)
        gradient.scatter_(1, top_ids[kept], of_top)
    by_hidden = torch.zeros(hidden.shape)
    by_hidden[kept] = (gradient @ weight).float()
    return loss[kept].mean(), by_hidden, (gradient.T @ hidden[kept]).float()


def step() -> torch.Tensor:
    hidden = trunk(ids)
    loss, by_hidden, by_head = head_backward(hidden)
    hidden.backward(by_hidden)
    head.grad = by_head
    norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm([p.grad for p in draft.parameters()])))
    # the fused optimizer divides gradients by this: clipping in its own pass
    optimizer.grad_scale = (norm / setting.MAXIMAL_NORM + 1e-6).clamp_min(1.0)
    optimizer.found_inf = torch.zeros(())
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss


setting.serve("compiled", step)
