// A random case of the fused head, with its logits in double.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "../gemm.h"
#include "../head.h"
#include "check.h"

namespace {

using winnow::HeadForm;
typedef std::vector<float> Floats;
typedef std::vector<double> Doubles;

struct Side {
  long d;
  Floats h, head;
  double cap = 0;
  winnow::HeadSide side() const { return {h.data(), head.data(), d, cap}; }
};

struct Case {
  bool bf16;
  long N, V, k;
  double temperature, target_temperature, beta;
  Side target, draft, reference;
  std::vector<int32_t> gold, ids;

  explicit Case(check::Random& random) {
    bf16 = random.coin();
    N = random.size(random.coin(0.05) ? 1100 : 70);
    V = random.size(N > 200 ? 60 : 400);
    temperature = random.coin() ? 1 : std::exp(random.normal() * 0.3);
    target_temperature = random.coin() ? 1 : std::exp(random.normal() * 0.3);
    beta = 0.05 + 0.9 * random.uniform();
    const auto side = [&] {
      Side s;
      s.d = random.size(80);
      s.h = random.normals(N * s.d);
      s.head = random.normals(V * s.d, 2 / std::sqrt(static_cast<double>(s.d)));
      if (random.coin(0.3)) s.cap = std::exp(1 + random.normal());
      return s;
    };
    target = side();
    draft = side();
    reference = side();
    for (long n = 0; n < N; n++) gold.push_back(static_cast<int32_t>(random.between(0, V - 1)));
    k = random.coin(0.3) ? V : random.between(1, std::min(V, 9L));
    if (random.coin(0.3)) {  // A sample: tokens repeat.
      k = random.between(1, 20);
      for (long i = 0; i < N * k; i++) ids.push_back(static_cast<int32_t>(random.between(0, V - 1)));
      return;
    }
    for (long n = 0; n < N; n++) {
      std::vector<int32_t> all(V);
      for (long v = 0; v < V; v++) all[v] = static_cast<int32_t>(v);
      for (long i = 0; i < k; i++) {
        std::swap(all[i], all[random.between(i, V - 1)]);
        ids.push_back(all[i]);
      }
    }
  }
  float operand(float x) const { return bf16 ? winnow::from_bf16(winnow::to_bf16(x)) : x; }
  Doubles logits(const Side& s, long n) const {
    Doubles z(V);
    const float scale = scale_of(s), of_h = s.cap > 0 ? 1 : scale;
    for (long v = 0; v < V; v++) {
      for (long i = 0; i < s.d; i++) z[v] += static_cast<double>(operand(s.h[n * s.d + i] * of_h)) * operand(s.head[v * s.d + i]);
      if (s.cap > 0) z[v] = scale * s.cap * std::tanh(z[v] / s.cap);
    }
    return z;
  }
  float scale_of(const Side& s) const {
    return static_cast<float>(1 / (&s == &target ? temperature * target_temperature : temperature));
  }
  // The derivative of a logit by its product, over the scale.
  double slope(const Side& s, double z) const {
    if (s.cap == 0) return 1;
    const double t = z / (scale_of(s) * s.cap);
    return 1 - t * t;
  }
};

double log_sum_exp(const Doubles& z) {
  double top = -INFINITY, sum = 0;
  for (double x : z) top = std::max(top, x);
  if (top == -INFINITY) return top;
  for (double x : z) sum += std::exp(x - top);
  return top + std::log(sum);
}
Doubles normalised(Doubles z) {
  const double l = log_sum_exp(z);
  for (double& x : z) x -= l;
  return z;
}

// Sums of V terms in float32, of logits of size 10: relative 4e-6 at most, and an absolute part for cancellation.
double near_to(double want) { return 4e-6 + 4e-6 * std::fabs(want); }

}  // namespace
