// The distribution of a random token, in double precision, and tokens drawn from it.
#include <algorithm>
#include <limits>

#include "decode.h"
#include "gemm.h"
#include "guard.h"
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

// Positions that are summed as one; cuts depend on positions, not on threads: sums are the same on any number of threads.
constexpr long PART = 4096;
// From so many positions on a row is divided among threads.
constexpr long THREADED = 2 * PART;

// Calls f(part) for every part of V positions.
template <class F>
void over_parts(long V, F&& f) {
  const long parts = (V + PART - 1) / PART;
  if (V > THREADED) return parallel(parts, f);
  for (long i = 0; i < parts; i++) f(i);
}

// e[v] = exp((logits[v] - largest) / temperature) and their sum; `top` as of winnow_softmax. False if a logit is no number
// or the largest is not finite.
bool exponentials(const float* logits, long V, double temperature, double* e, double* top, double* sum) {
  vf best = splat(-std::numeric_limits<float>::infinity()), check = zero();
  for (long v = 0; v < V; v += LANES) {
    const vf x = load_partial(logits + v, V - v, logits[0]);
    best = vmax(x, best);
    check += x != x ? splat(1.f) : zero();
  }
  const float largest = reduce_max(best);
  top[0] = largest;
  top[1] = static_cast<double>(std::find(logits, logits + V, largest) - logits);
  if (reduce_add(check) != 0 || !(std::abs(largest) < std::numeric_limits<float>::infinity())) return false;
  const long parts = (V + PART - 1) / PART;
  double sums[1024];
  double* sum_of = parts <= 1024 ? sums : new double[static_cast<size_t>(parts)];
  over_parts(V, [&](long i) {
    const long from = i * PART, to = std::min<long>(V, from + PART);
    vd all = whole(0.0);
    const vd middle = whole(static_cast<double>(largest)), by = whole(temperature);
    long v = from;
    for (; v + WIDE <= to; v += WIDE) {
      half_vf x;
      std::memcpy(&x, logits + v, sizeof x);
      const vd one = exp_of((__builtin_convertvector(x, vd) - middle) / by);
      *reinterpret_cast<vd_unaligned*>(e + v) = one;
      all += one;
    }
    double rest = 0;
    for (int lane = 0; lane < WIDE; lane++) rest += all[lane];
    for (; v < to; v++) {
      const vd one = exp_of(whole((static_cast<double>(logits[v]) - largest) / temperature));
      rest += e[v] = one[0];
    }
    sum_of[i] = rest;
  });
  *sum = 0;
  for (long i = 0; i < parts; i++) *sum += sum_of[i];
  if (sum_of != sums) delete[] sum_of;
  return true;
}

// The largest `count` logits of a row in falling order, the lower id of equal ones first; the number of them. A block is read
// id by id only where its largest logit exceeds the least one kept.
long largest_of(const float* logits, long V, long count, int32_t* ids, double* value) {
  constexpr long BLOCK = 16 * LANES;
  const float nothing = -std::numeric_limits<float>::infinity();
  long kept = 0;
  for (long from = 0; from < V; from += BLOCK) {
    const long to = std::min(V, from + BLOCK);
    if (kept == count) {
      vf best = splat(nothing);
      for (long v = from; v < to; v += LANES) best = vmax(load_partial(logits + v, to - v, nothing), best);
      if (reduce_max(best) <= value[count - 1]) continue;
    }
    for (long v = from; v < to; v++) {
      const double x = logits[v];
      if (kept == count && x <= value[count - 1]) continue;
      long at = kept < count ? kept++ : count - 1;
      for (; at > 0 && value[at - 1] < x; at--) {
        value[at] = value[at - 1];
        ids[at] = ids[at - 1];
      }
      value[at] = x;
      ids[at] = static_cast<int32_t>(v);
    }
  }
  return kept;
}

// The sum over v of exp((logits[v] - largest) / temperature), by parts in float32; not a number if a logit is none.
double mass_of(const float* logits, long V, double largest, double temperature) {
  const vf middle = splat(static_cast<float>(largest)), by = splat(static_cast<float>(1 / temperature));
  const float nothing = -std::numeric_limits<float>::infinity();
  double sum = 0;
  vf check = zero();
  for (long from = 0; from < V; from += PART) {
    const long to = std::min<long>(V, from + PART);
    vf all = zero();
    for (long v = from; v < to; v += LANES) {
      const vf x = load_partial(logits + v, to - v, nothing);
      check += x != x ? splat(1.f) : zero();
      const vf below = (x - middle) * by;
      all += below < splat(-87.f) ? zero() : vexp(below);
    }
    sum += reduce_add(all);
  }
  return reduce_add(check) != 0 ? std::numeric_limits<double>::quiet_NaN() : sum;
}

// The first id whose cumulative probability e / sum exceeds u, else the last of positive probability.
int32_t drawn(const double* e, long V, double sum, double u) {
  double cumulative = 0;
  long last = 0;
  for (long v = 0; v < V; v++) {
    const double p = e[v] / sum;
    if (p <= 0) continue;
    cumulative += p;
    if (u < cumulative) return static_cast<int32_t>(v);
    last = v;
  }
  return static_cast<int32_t>(last);
}

}  // namespace
}  // namespace winnow::decode

WINNOW_API int32_t winnow_softmax(const float* logits, int64_t V, double temperature, double* p, double* top) {
  using namespace winnow::decode;
  double sum;
  if (!exponentials(logits, V, temperature, p, top, &sum)) return 0;
  over_parts(V, [&](long i) {
    for (long v = i * PART; v < std::min<long>(V, (i + 1) * PART); v++) p[v] /= sum;
  });
  return 1;
}

WINNOW_API int32_t winnow_likeliest(const float* logits, int64_t R, int64_t V, double temperature, int64_t count, int32_t* ids, double* p) {
  using namespace winnow::decode;
  return winnow::guarded([&] {
    auto row = [&](long r) {
      int32_t* id = ids + r * count;
      double* share = p + r * count;
      std::fill(id, id + count, -1);
      std::fill(share, share + count, 0.0);
      const float* of = logits + r * V;
      const long kept = largest_of(of, V, count, id, share);
      const double largest = share[0], sum = mass_of(of, V, largest, temperature);
      const bool none = !(sum > 0) || !(std::abs(largest) < std::numeric_limits<double>::infinity());
      for (long i = 0; i < kept; i++) {
        const double below = (share[i] - largest) / temperature;
        share[i] = none || below < -708 ? 0 : std::exp(below) / sum;
        if (share[i] == 0) id[i] = -1;
      }
    };
    if (R == 1 || R * V < THREADED)
      for (long r = 0; r < R; r++) row(r);
    else winnow::parallel(R, row);
  });
}

WINNOW_API int32_t winnow_draw(const float* logits, int64_t R, int64_t V, double temperature, const double* u, int32_t* ids) {
  using namespace winnow::decode;
  return winnow::guarded([&] {
    auto row = [&](long r) {
      ids[r] = -1;
      if (u[r] < 0) return;
      thread_local winnow::Buffer room;
      double* e = room.of<double>(static_cast<size_t>(V));
      double top[2], sum;
      if (exponentials(logits + r * V, V, temperature, e, top, &sum)) ids[r] = drawn(e, V, sum, u[r]);
    };
    // a row takes some thirty operations for each of V
    if (R == 1 || R * V < THREADED)
      for (long r = 0; r < R; r++) row(r);
    else winnow::parallel(R, row);
  });
}
