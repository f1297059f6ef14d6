// A target that is known in part: k entries of each row, from a cache of signals. Sums are in double, term by term in the
// order of the entries, so every path that follows the same formulas has the same bits.
//
// Letters: N rows, K kept rows, k entries a row; p target, q draft; z the draft's logits at the entries.
#pragma once
#include "variant.h"

// Rows of a cache, [N, 2 k (+ 1)] words each: k ids, k log p, and with `tail` the mass of the others. Writes ids and log_p
// [N, k]; with `tail` also p = exp(log p), [N, k], and tail_N, which are left alone without it.
WINNOW_API void winnow_sparse_rows(int64_t N, int64_t k, int tail, const uint32_t* rows, int32_t* ids, float* log_p, float* p,
                                   float* tail_N);

// Of each row the log-sum-exp of all logits and the loss sum p (log p - log q). With `top` the entries are distinct,
// rest_N is the log-sum-exp of the other tokens (below -1e30: there is none), and tail log(tail / their mass) is added;
// without it rest_N is the log-sum-exp of all.
WINNOW_API void winnow_sparse_loss(int64_t N, int64_t k, int top, const float* p, const float* log_p, const float* tail_N,
                                   const float* z, const float* rest_N, float* lse_N, float* loss_N);

// The gradient at the entries, weight (q - p), with q = exp(z - lse) for `top` and 0 otherwise: [K, k].
WINNOW_API void winnow_sparse_delta(int64_t K, int64_t k, int top, const float* z, const float* lse_K, const float* p,
                                    const float* weight_K, float* delta);
