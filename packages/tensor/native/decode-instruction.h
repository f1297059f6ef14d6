// One instruction of a decoder's program, and those of a single row.
//
// Letters: d, n numbers of a row.
#pragma once
#include <cmath>

#include "variant.h"

namespace winnow::decode {

enum class Op : int { EMBED, LAYER_NORM, RMS_NORM, LINEAR, GATE, ATTEND, HEAD_NORM, WEIGH, KEEP, GIVE, COPY };
constexpr int GELU = 1, ADDED = 2, GELU_TANH = 4, PLUS_ONE = 8, SILU = 16, RESULT = -1;
constexpr long WORDS = 12;

struct Instruction {
  Op op;
  int from, to, p[4];
  long outputs;
  int flags;
  long column;
  float eps;
  int layer;
  float cap;  // of the scores of attend
};

// (x - mean) / sqrt(variance + eps) scale + shift of one row; the RMS norm has no mean. The flag PLUS_ONE adds one to the
// scale, the flag ADDED adds the result to y.
inline void norm_row(const float* x, const float* scale, const float* shift, float eps, bool centred, int flags, long d, float* y) {
  vf sum = zero();
  if (centred)
    for (long i = 0; i < d; i += LANES) sum += load_partial(x + i, d - i);
  const float mean = centred ? reduce_add(sum) / static_cast<float>(d) : 0.f;
  vf square = zero();
  for (long i = 0; i < d; i += LANES) {
    const vf c = load_partial(x + i, d - i, mean) - splat(mean);
    square += c * c;
  }
  const float factor = 1.f / std::sqrt(reduce_add(square) / static_cast<float>(d) + eps);
  for (long i = 0; i < d; i += LANES) {
    vf by = load_partial(scale + i, d - i);
    if ((flags & PLUS_ONE) != 0) by += splat(1.f);
    vf v = (load_partial(x + i, d - i) - splat(mean)) * splat(factor) * by;
    if (shift) v += load_partial(shift + i, d - i);
    if ((flags & ADDED) != 0) v += load_partial(y + i, d - i);
    store_partial(y + i, v, d - i);
  }
}

// Multiplies a row y by 2 / (1 + exp(-z)), z = x . (by - against): twice the first of the softmax of x . by and x . against.
inline void weigh_row(const float* x, const float* by, const float* against, long d, float* y, long n) {
  vf sum = zero();
  for (long i = 0; i < d; i += LANES)
    sum += load_partial(x + i, d - i) * (load_partial(by + i, d - i) - load_partial(against + i, d - i));
  const float factor = 2.f / (1.f + std::exp(-reduce_add(sum)));
  for (long i = 0; i < n; i += LANES) store_partial(y + i, load_partial(y + i, n - i) * splat(factor), n - i);
}

}  // namespace winnow::decode
