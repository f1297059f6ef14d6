// Layer norm and RMS norm over rows, and their gradients. All arrays row-major float32; N rows, d features, from 1.
#pragma once
#include "variant.h"

// y = (x - mean) rstd gamma + beta, rstd = 1 / sqrt(variance + eps), variance with divisor d.
// x, y [N, d]; gamma, beta [d]; mean, rstd [N] are written for the gradient.
WINNOW_API void winnow_layer_norm(int64_t N, int64_t d, const float* x, const float* gamma, const float* beta, float eps, float* y,
                                  float* mean, float* rstd);

// Its gradients by x [N, d], gamma [d] and beta [d], given dy [N, d].
WINNOW_API void winnow_layer_norm_gradient(int64_t N, int64_t d, const float* x, const float* gamma, const float* mean, const float* rstd,
                                           const float* dy, float* dx, float* dgamma, float* dbeta);

// y = x rstd gamma, rstd = 1 / sqrt(mean(x^2) + eps).
WINNOW_API void winnow_rms_norm(int64_t N, int64_t d, const float* x, const float* gamma, float eps, float* y, float* rstd);

// Its gradients by x and gamma.
WINNOW_API void winnow_rms_norm_gradient(int64_t N, int64_t d, const float* x, const float* gamma, const float* rstd, const float* dy,
                                         float* dx, float* dgamma);

// The RMS norm of each head of queries and of keys in packed rows; values pass. x, y [N, (Q + 2 G) h]: Q heads of queries, G of
// keys, G of values, h numbers each; queries, keys [h] are the scales of each head of a kind. rstd [N Q + N G] is written for the
// gradient. The same numbers as `winnow_rms_norm` on the heads of a kind one after the other, bit by bit.
WINNOW_API void winnow_head_norm(int64_t N, int64_t Q, int64_t G, int64_t h, const float* x, const float* queries, const float* keys,
                                 float eps, float* y, float* rstd);

// Its gradients by x and both scales.
WINNOW_API void winnow_head_norm_gradient(int64_t N, int64_t Q, int64_t G, int64_t h, const float* x, const float* queries,
                                          const float* keys, const float* rstd, const float* dy, float* dx, float* dqueries,
                                          float* dkeys);

// out[i] = sum over rows n of x[n, i]: the gradient of a bias. x [N, d] with rows ld apart, out [d].
WINNOW_API void winnow_column_sums(int64_t N, int64_t d, const float* x, int64_t ld, float* out);
