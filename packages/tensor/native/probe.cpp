#include "probe.h"

#include "gemm.h"
#include "rows.h"

namespace winnow {
namespace {

// Enough independent sums to hide the latency of each.
constexpr int SUMS = 12;

template <class P>
double multiply_adds(int64_t rounds) {
  const int parts = threads();
  static volatile float sink;
  parallel(parts, [&](long part) {
    alignas(64) typename P::unit b[COLS] = {};
    typename P::unit a = {};
    vf c0[SUMS], c1[SUMS];
#pragma GCC unroll 16
    for (int i = 0; i < SUMS; i++) {
      // All values differ, or the compiler would compute only one sum.
      c0[i] = splat(static_cast<float>(part + i));
      c1[i] = splat(static_cast<float>(part - i - 1));
    }
    const typename Multiply<P>::operand b0 = Multiply<P>::load_b(b), b1 = Multiply<P>::load_b(b + LANES);
    for (int64_t r = 0; r < rounds; r++) {
      asm volatile("" ::"r"(&a) : "memory");  // The factor is loaded again in each round, as in a product.
#pragma GCC unroll 16
      for (int i = 0; i < SUMS; i++) Multiply<P>::add(c0[i], c1[i], &a, b0, b1);
    }
    vf sum = zero();
#pragma GCC unroll 16
    for (int i = 0; i < SUMS; i++) sum += c0[i] + c1[i];
    sink = sum[0];
  });
  return 2.0 * P::PER * 2 * LANES * SUMS * static_cast<double>(rounds) * parts;
}

}  // namespace
}  // namespace winnow

WINNOW_API double winnow_probe_multiply_adds(int precision, int64_t rounds) {
  return precision == 1 ? winnow::multiply_adds<winnow::BF16>(rounds) : winnow::multiply_adds<winnow::F32>(rounds);
}

WINNOW_API void winnow_probe_stream(int64_t n, const float* x, float* y) {
  using namespace winnow;
  parallel_pieces(n, [&](long from, long to) { std::memcpy(y + from, x + from, static_cast<size_t>(to - from) * 4); });
}
