// Splits the work of small kernels into fixed pieces, so that no result depends on the number of threads.
#pragma once
#include <algorithm>

#include "pool.h"
#include "variant.h"

namespace winnow {

// Elements of a piece of an elementwise kernel: large enough that the cost of taking a piece is negligible.
constexpr long PIECE = 16384;

// f(from, to) over pieces of 0 .. n; pieces start at multiples of PIECE.
template <class F>
inline void parallel_pieces(long n, F&& f) {
  parallel((n + PIECE - 1) / PIECE, [&](long part) { f(part * PIECE, std::min(n, (part + 1) * PIECE)); });
}

// f(i, count) for each vector of from .. to; count < LANES only for the last, which f loads and stores in part.
template <class F>
inline void each_vector(long from, long to, F&& f) {
  long i = from;
  for (; i + LANES <= to; i += LANES) f(i, static_cast<long>(LANES));
  if (i < to) f(i, to - i);
}

// Number of rows of d elements in a piece of about PIECE elements.
inline long rows_of_piece(long d) { return std::max(1L, PIECE / std::max(1L, d)); }

template <class F>
inline void parallel_rows(long N, long d, F&& f) {
  const long rows = rows_of_piece(d);
  parallel((N + rows - 1) / rows, [&](long part) { f(part * rows, std::min(N, (part + 1) * rows)); });
}

// Sums over rows consist of `sum_groups(N)` partial sums of consecutive rows, added in order.
inline long sum_groups(long N) { return std::min(64L, (N + 15) / 16); }

// out_d[i] = sum over groups of partial[g * stride + i], in order of g.
inline void add_groups(long groups, long stride, long d, const float* partial, float* out_d) {
  each_vector(0, d, [&](long i, long n) {
    vf sum = zero();
    for (long g = 0; g < groups; g++) sum += load_partial(partial + g * stride + i, n);
    store_partial(out_d + i, sum, n);
  });
}

}  // namespace winnow
