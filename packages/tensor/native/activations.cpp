#include "activations.h"

#include "rows.h"

namespace winnow {
namespace {

struct Normal {
  vf cdf, density;
};

// Phi(x) and phi(x), which share their exponential. Abramowitz & Stegun 7.1.26: erf(z) = 1 - t (a1 + .. + a5 t^4)
// exp(-z^2), t = 1 / (1 + p z), |error| <= 1.5e-7, for z = |x| / sqrt 2. NaN stays NaN.
inline Normal normal(vf x) {
  const vf size = (vf)((vu)x & 0x7fffffffu);
  const vf e = vexp(x * x * splat(-0.5f));
  // beyond 14 the exponential is 0 in float32, and t need not follow (nor divide by infinity)
  const vf t = splat(1.f) / (splat(1.f) + splat(0.3275911f * 0.70710678118654752f) * vmin(splat(40.f), size));
  vf p = splat(1.061405429f / 2);
  p = p * t + splat(-1.453152027f / 2);
  p = p * t + splat(1.421413741f / 2);
  p = p * t + splat(-0.284496736f / 2);
  p = p * t + splat(0.254829592f / 2);
  const vf tail = p * t * e;
  return {select(x < splat(0.f), tail, splat(1.f) - tail), e * splat(0.39894228040143268f)};
}

inline vf sigmoid(vf x) { return splat(1.f) / (splat(1.f) + vexp(-x)); }

// 2 u = 2 sqrt(2 / pi) (x + 0.044715 x^3).
inline vf twice_u(vf x) { return splat(1.5957691216057308f) * (x + splat(0.044715f) * x * x * x); }

}  // namespace
}  // namespace winnow

WINNOW_API void winnow_gelu(int64_t n, const float* x, float* y) {
  using namespace winnow;
  parallel_pieces(n, [&](long from, long to) {
    each_vector(from, to, [&](long i, long count) {
      const vf v = load_partial(x + i, count);
      store_partial(y + i, v * normal(v).cdf, count);
    });
  });
}

WINNOW_API void winnow_gelu_gradient(int64_t n, const float* x, const float* dy, float* dx) {
  using namespace winnow;
  parallel_pieces(n, [&](long from, long to) {
    each_vector(from, to, [&](long i, long count) {
      const vf v = load_partial(x + i, count);
      const Normal at = normal(v);
      store_partial(dx + i, load_partial(dy + i, count) * (at.cdf + v * at.density), count);
    });
  });
}

// x / 2 (1 + tanh(u)) = x sigmoid(2 u).
WINNOW_API void winnow_gelu_tanh(int64_t n, const float* x, float* y) {
  using namespace winnow;
  parallel_pieces(n, [&](long from, long to) {
    each_vector(from, to, [&](long i, long count) {
      const vf v = load_partial(x + i, count);
      store_partial(y + i, v * sigmoid(twice_u(v)), count);
    });
  });
}

WINNOW_API void winnow_gelu_tanh_gradient(int64_t n, const float* x, const float* dy, float* dx) {
  using namespace winnow;
  parallel_pieces(n, [&](long from, long to) {
    each_vector(from, to, [&](long i, long count) {
      const vf v = load_partial(x + i, count), s = sigmoid(twice_u(v));
      const vf slope = splat(1.5957691216057308f) * (splat(1.f) + splat(3 * 0.044715f) * v * v);
      store_partial(dx + i, load_partial(dy + i, count) * (s + v * s * (splat(1.f) - s) * slope), count);
    });
  });
}

WINNOW_API void winnow_silu_gate(int64_t N, int64_t m, const float* x, float* y) {
  using namespace winnow;
  parallel_rows(N, m, [&](long from, long to) {
    for (long r = from; r < to; r++) {
      const float *gate = x + r * 2 * m, *up = gate + m;
      each_vector(0, m, [&](long i, long count) {
        const vf g = load_partial(gate + i, count);
        store_partial(y + r * m + i, g * sigmoid(g) * load_partial(up + i, count), count);
      });
    }
  });
}

WINNOW_API void winnow_silu_gate_gradient(int64_t N, int64_t m, const float* x, const float* dy, float* dx) {
  using namespace winnow;
  parallel_rows(N, m, [&](long from, long to) {
    for (long r = from; r < to; r++) {
      const float *gate = x + r * 2 * m, *up = gate + m, *d = dy + r * m;
      float *dgate = dx + r * 2 * m, *dup = dgate + m;
      each_vector(0, m, [&](long i, long count) {
        const vf g = load_partial(gate + i, count), s = sigmoid(g), silu = g * s, v = load_partial(d + i, count);
        store_partial(dup + i, v * silu, count);
        store_partial(dgate + i, v * load_partial(up + i, count) * (s + silu * (splat(1.f) - s)), count);
      });
    }
  });
}

WINNOW_API void winnow_add3(int64_t n, const float* a, const float* b, const float* c, float* y) {
  using namespace winnow;
  parallel_pieces(n, [&](long from, long to) {
    each_vector(from, to, [&](long i, long count) {
      store_partial(y + i, load_partial(a + i, count) + load_partial(b + i, count) + load_partial(c + i, count), count);
    });
  });
}
