// Causal self-attention over rotated queries and keys, read in place from a packed projection, and its gradient.
//
// Nothing of size [T, T] is kept: the forward pass leaves the log-sum-exp of each row, and the gradient computes the
// probabilities again from it, block by block.
//
// Letters: B sequences, T positions, N = B T rows, Q query heads, G key-value heads (a divisor of Q), h head size, C =
// Q + 2 G.
#pragma once
#include "variant.h"

struct WinnowAttention {
  int32_t B, T, Q, G, h;
  int32_t rotated;   // first entries of a head that are rotated, in two halves; even, 0 to h
  int32_t by_head;   // 0: a packed row is all queries, all keys, all values; 1: query, key, value of each head (Q = G)
  int32_t tables_by_row;  // 0: the rotary tables have a row for each position of a sequence [T, h]; 1: for each row [N, h]
  float cap;  // a score x becomes cap tanh(x / cap) before the softmax; 0 for none
};

// packed [N, C h]; cos, sin: rotary tables, x1 cos - x2 sin and x2 cos + x1 sin, whose scale becomes that of the
// scores. start: null, or for each row [N] the first position of its sequence that it attends to, 0 to its own; beyond
// its own: the row is padding, its output 0. So packed sequences attend within themselves. out [N, Q h]; lse [N, Q].
WINNOW_API void winnow_attention(const WinnowAttention* sizes, const float* packed, const float* cos, const float* sin,
                                 const int32_t* start, float* out, float* lse);

// The gradient by packed, d_packed [N, C h], given d_out [N, Q h].
WINNOW_API void winnow_attention_gradient(const WinnowAttention* sizes, const float* packed, const float* cos, const float* sin,
                                          const int32_t* start, const float* out, const float* lse, const float* d_out,
                                          float* d_packed);
