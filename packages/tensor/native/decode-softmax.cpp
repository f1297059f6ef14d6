// The distribution of a random token, in double precision.
#include <algorithm>
#include <limits>

#include "decode.h"
#include "pool.h"
#include "variant.h"

namespace winnow::decode {
namespace {

constexpr int WIDE = LANES / 2;
typedef double vd __attribute__((vector_size(LANES * 4)));
typedef int64_t vl __attribute__((vector_size(LANES * 4)));
typedef float half_vf __attribute__((vector_size(LANES * 2)));
typedef double vd_unaligned __attribute__((vector_size(LANES * 4), aligned(8), may_alias));

inline vd whole(double x) {
  vd v;
  for (int i = 0; i < WIDE; i++) v[i] = x;
  return v;
}

// exp(x) for x <= 0, relative error below 1e-15; 0 below -708. The Taylor series to x^13 on |x| <= ln(2) / 2.
inline vd exp_of(vd x) {
  const vd shift = whole(6755399441055744.0);  // 1.5 * 2^52: adding and subtracting it rounds to whole numbers.
  const vd n = (x * whole(1.4426950408889634074) + shift) - shift;
  const vd r = (x - n * whole(6.93147180369123816490e-01)) - n * whole(1.90821492927058770002e-10);
  vd p = whole(1.0 / 6227020800.0);
  const double inverse[] = {479001600.0, 39916800.0, 3628800.0, 362880.0, 40320.0, 5040.0, 720.0, 120.0, 24.0, 6.0, 2.0};
#pragma GCC unroll 11
  for (double factorial : inverse) p = p * r + whole(1.0 / factorial);
  p = (p * r) * r + r + whole(1.0);
  const vl e = (__builtin_convertvector(n, vl) + 1023) << 52;
  const vd scaled = p * (vd)e;
  return x < whole(-708.0) ? whole(0.0) : scaled;
}

}  // namespace
}  // namespace winnow::decode

WINNOW_API int32_t winnow_softmax(const float* logits, int64_t V, double temperature, double* p, double* top) {
  using namespace winnow;
  using namespace winnow::decode;
  vf best = splat(-std::numeric_limits<float>::infinity()), check = zero();
  for (long v = 0; v < V; v += LANES) {
    const vf x = load_partial(logits + v, V - v, logits[0]);
    best = vmax(x, best);
    check += x != x ? splat(1.f) : zero();
  }
  const float largest = reduce_max(best);
  top[0] = largest;
  top[1] = static_cast<double>(std::find(logits, logits + V, largest) - logits);
  if (reduce_add(check) != 0 || !(std::abs(largest) < std::numeric_limits<float>::infinity())) return 0;
  // Cuts depend on positions, not on threads: sums are the same on any number of threads.
  constexpr long PART = 4096;
  const long parts = (V + PART - 1) / PART;
  double sums[1024];
  double* sum_of = parts <= 1024 ? sums : new double[static_cast<size_t>(parts)];
  auto part = [&](long i) {
    const long from = i * PART, to = std::min<long>(V, from + PART);
    vd sum = whole(0.0);
    const vd middle = whole(static_cast<double>(largest)), by = whole(temperature);
    long v = from;
    for (; v + WIDE <= to; v += WIDE) {
      half_vf x;
      std::memcpy(&x, logits + v, sizeof x);
      const vd e = exp_of((__builtin_convertvector(x, vd) - middle) / by);
      *reinterpret_cast<vd_unaligned*>(p + v) = e;
      sum += e;
    }
    double rest = 0;
    for (int lane = 0; lane < WIDE; lane++) rest += sum[lane];
    for (; v < to; v++) {
      const vd e = exp_of(whole((static_cast<double>(logits[v]) - largest) / temperature));
      rest += p[v] = e[0];
    }
    sum_of[i] = rest;
  };
  const bool threaded = V > 2 * PART;
  if (threaded) parallel(parts, part);
  else
    for (long i = 0; i < parts; i++) part(i);
  double sum = 0;
  for (long i = 0; i < parts; i++) sum += sum_of[i];
  auto scale = [&](long i) {
    const long from = i * PART, to = std::min<long>(V, from + PART);
    for (long v = from; v < to; v++) p[v] /= sum;
  };
  if (threaded) parallel(parts, scale);
  else
    for (long i = 0; i < parts; i++) scale(i);
  if (sum_of != sums) delete[] sum_of;
  return 1;
}
