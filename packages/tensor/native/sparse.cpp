#include "sparse.h"

#include "rows.h"

namespace winnow {
namespace {

// x as a double of memory: the compiler may not add to a product without rounding the product first, so the bits are those
// of any other code with these formulas.
inline double rounded(double x) {
  asm("" : "+m"(x));
  return x;
}

// A value below it means that no token is outside the entries.
constexpr float NOTHING = -1e30f;

double log_add(double a, double b) { return std::fmax(a, b) + std::log1p(std::exp(-std::fabs(a - b))); }

double log_sum_exp(const float* z, long k) {
  double top = -INFINITY, sum = 0;
  for (long i = 0; i < k; i++)
    if (z[i] > top) top = z[i];
  for (long i = 0; i < k; i++) sum += std::exp(z[i] - top);
  return top + std::log(sum);
}

// Pieces of rows with k exponentials each: long enough to be worth a thread.
template <class F>
void each_row(long N, long k, F&& f) {
  parallel_rows(N, 4 * k, [&](long from, long to) {
    for (long n = from; n < to; n++) f(n);
  });
}

}  // namespace
}  // namespace winnow

WINNOW_API void winnow_sparse_rows(int64_t N, int64_t k, int tail, const uint32_t* rows, int32_t* ids, float* log_p, float* p,
                                   float* tail_N) {
  const long width = 2 * k + (tail ? 1 : 0);
  winnow::each_row(N, k, [&](long n) {
    const uint32_t* row = rows + n * width;
    std::memcpy(ids + n * k, row, static_cast<size_t>(k) * 4);
    std::memcpy(log_p + n * k, row + k, static_cast<size_t>(k) * 4);
    if (!tail) return;
    std::memcpy(tail_N + n, row + 2 * k, 4);
    for (long i = n * k; i < (n + 1) * k; i++) p[i] = static_cast<float>(std::exp(static_cast<double>(log_p[i])));
  });
}

WINNOW_API void winnow_sparse_loss(int64_t N, int64_t k, int top, const float* p, const float* log_p, const float* tail_N,
                                   const float* z, const float* rest_N, float* lse_N, float* loss_N) {
  using namespace winnow;
  each_row(N, k, [&](long n) {
    const double rest = rest_N[n];
    double lse = rest;
    if (top) {
      const double inside = log_sum_exp(z + n * k, k);
      lse = rest < NOTHING ? inside : log_add(inside, rest);
    }
    double loss = 0;
    for (long i = n * k; i < (n + 1) * k; i++) loss += rounded(p[i] * (log_p[i] - (z[i] - lse)));
    const double t = tail_N[n];
    if (top && t > 0 && rest > NOTHING) loss += rounded(t * (std::log(t) - (rest - lse)));
    lse_N[n] = static_cast<float>(lse);
    loss_N[n] = static_cast<float>(loss);
  });
}

WINNOW_API void winnow_sparse_delta(int64_t K, int64_t k, int top, const float* z, const float* lse_K, const float* p,
                                    const float* weight_K, float* delta) {
  winnow::each_row(K, k, [&](long n) {
    const double lse = lse_K[n], weight = weight_K[n];
    for (long i = n * k; i < (n + 1) * k; i++) {
      const double q = top ? std::exp(z[i] - lse) : 0;
      delta[i] = static_cast<float>(weight * (q - p[i]));
    }
  });
}
