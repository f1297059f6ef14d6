#include "embedding.h"

#include "rows.h"

WINNOW_API int64_t winnow_gather_rows(int64_t V, int64_t d, int64_t N, const float* weight, const int32_t* ids, float* y) {
  using namespace winnow;
  for (int64_t n = 0; n < N; n++)
    if (ids[n] < 0 || ids[n] >= V) return n;
  const uint16_t* halves = halves_at(weight);
  parallel_rows(N, d, [&](long from, long to) {
    for (long n = from; n < to; n++)
      if (halves) widen(halves + ids[n] * d, d, y + n * d);
      else std::memcpy(y + n * d, weight + ids[n] * d, static_cast<size_t>(d) * 4);
  });
  return -1;
}

WINNOW_API void winnow_scatter_rows(int64_t V, int64_t d, int64_t N, const float* dy, const int32_t* ids, float* out) {
  using namespace winnow;
  // Each part owns rows of the matrix: no two threads write one row, and each row's sum is in order of n.
  const long parts = std::min<long>(64, std::max<long>(1, V * d / PIECE));
  parallel(parts, [&](long part) {
    const long from = part_begin(V, parts, part), to = part_begin(V, parts, part + 1);
    std::memset(out + from * d, 0, static_cast<size_t>((to - from) * d) * 4);
    for (long n = 0; n < N; n++) {
      if (ids[n] < from || ids[n] >= to) continue;
      float* row = out + ids[n] * d;
      const float* add = dy + n * d;
      each_vector(0, d, [&](long i, long count) {
        store_partial(row + i, load_partial(row + i, count) + load_partial(add + i, count), count);
      });
    }
  });
}
