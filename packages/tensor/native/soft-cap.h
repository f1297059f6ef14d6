// Soft caps: a number x becomes cap tanh(x / cap), with the derivative 1 - tanh(x / cap)^2.
#pragma once
#include "variant.h"

namespace winnow {

// tanh(x), relative error below 4e-7; NaN stays.
static inline vf vtanh(vf x) {
  const vf size = x < zero() ? -x : x;
  // near 0 x + x^3 P(x^2), P fitted for the least relative error up to 0.6
  const vf z = x * x;
  vf p = splat(-5.905868e-3f);
  p = p * z + splat(2.0805385e-2f);
  p = p * z + splat(-5.3786684e-2f);
  p = p * z + splat(1.3331959e-1f);
  p = p * z + splat(-3.3333299e-1f);
  const vf near = x * (p * z) + x;
  const vf e = vexp(splat(-2.f) * size);
  const vf far = (splat(1.f) - e) / (splat(1.f) + e);
  return select(size < splat(0.6f), near, x < zero() ? -far : far);
}

// The factors of a cap; no cap for 0.
class SoftCap {
 public:
  // The result is multiplied by `scale` too.
  explicit SoftCap(float cap, float scale = 1) : on_(cap > 0), by_(on_ ? 1 / cap : 0), to_(on_ ? cap * scale : 0), back_(on_ ? 1 / (cap * scale) : 0) {}
  bool on() const { return on_; }
  vf of(vf x) const { return splat(to_) * vtanh(x * splat(by_)); }
  // The derivative at x over the scale, from the result.
  vf slope(vf capped) const {
    const vf t = capped * splat(back_);
    return splat(1.f) - t * t;
  }
  // n numbers in place; nothing without a cap.
  void apply(float* x, long n) const {
    if (!on_) return;
    long i = 0;
    for (; i + LANES <= n; i += LANES) store(x + i, of(load(x + i)));
    if (i < n) store_partial(x + i, of(load_partial(x + i, n - i)), n - i);
  }

 private:
  bool on_;
  float by_, to_, back_;
};

}  // namespace winnow
