#include "optimizer.h"

#include "gemm.h"
#include "rows.h"

WINNOW_API void winnow_adamw(int64_t n, float* p, const float* g, float* m, float* v, float scale, float keep, float step,
                             float one_minus_beta1, float one_minus_beta2, float epsilon) {
  using namespace winnow;
  const vf s = splat(scale), k = splat(keep), a = splat(step), b1 = splat(one_minus_beta1), b2 = splat(one_minus_beta2), e = splat(epsilon);
  parallel_pieces(n, [&](long from, long to) {
    each_vector(from, to, [&](long i, long count) {
      const vf gi = load_partial(g + i, count) * s;
      const vf m0 = load_partial(m + i, count), v0 = load_partial(v + i, count);
      const vf mi = m0 + b1 * (gi - m0), vi = v0 + b2 * (gi * gi - v0);
      store_partial(m + i, mi, count);
      store_partial(v + i, vi, count);
      store_partial(p + i, load_partial(p + i, count) * k - a * mi / (vsqrt(vi) + e), count);
    });
  });
}

WINNOW_API void winnow_average(int64_t n, const float* x, float* a, float share) {
  using namespace winnow;
  const vf s = splat(share);
  parallel_pieces(n, [&](long from, long to) {
    each_vector(from, to, [&](long i, long count) {
      const vf old = load_partial(a + i, count);
      store_partial(a + i, old + s * (load_partial(x + i, count) - old), count);
    });
  });
}

WINNOW_API double winnow_square_sum(int64_t n, const float* x) {
  using namespace winnow;
  static thread_local Buffer memory;
  const long pieces = (n + PIECE - 1) / PIECE;
  double* partial = memory.of<double>(static_cast<size_t>(pieces));
  parallel_pieces(n, [&](long from, long to) {
    // float32 within runs of 64 vectors, double between the runs.
    double sum = 0;
    for (long at = from; at < to; at += 64 * LANES) {
      vf a = zero(), b = zero();
      long i = at;
      const long end = std::min(to, at + 64 * LANES);
      for (; i + 2 * LANES <= end; i += 2 * LANES) {
        const vf u = load(x + i), w = load(x + i + LANES);
        a += u * u;
        b += w * w;
      }
      each_vector(i, end, [&](long j, long count) {
        const vf u = load_partial(x + j, count);
        a += u * u;
      });
      sum += reduce_add(a + b);
    }
    partial[from / PIECE] = sum;
  });
  double sum = 0;
  for (long piece = 0; piece < pieces; piece++) sum += partial[piece];
  return sum;
}
