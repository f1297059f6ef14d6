// What both halves of the head share: the hidden states of a block of rows packed once, and tiles of logits made from them.
#pragma once
#include <algorithm>

#include "gemm.h"
#include "head.h"

namespace winnow {

// Rows (tokens) that are taken at once: their packed hidden states stay in the cache while the head's weights stream by.
constexpr long HEAD_ROWS = 1024;
// Rows of the vocabulary of one tile: 4 x 12 (AVX-512), 8 x 6, and as near as AMX comes. A multiple of 16 units of bfloat16.
#if defined(WINNOW_AMX)
constexpr long HEAD_TILE = 64;
#else
constexpr long HEAD_TILE = 48;
#endif

// Hidden states [n, d] / temperature as panels of COLS rows of the batch.
template <class P>
class PackedHidden {
 public:
  void pack(const HeadSide& side, long first, long n, float scale) {
    d_ = side.d;
    u_ = units<P>(side.d);
    out_ = panels_.of<typename P::unit>(static_cast<size_t>(panels(n)) * u_ * COLS);
    parallel(panels(n), [&](long j) {
      static thread_local Buffer scaled;
      const long at = j * COLS, count = std::min<long>(COLS, n - at);
      const float* h = side.h + (first + at) * side.d;
      if (scale != 1.f) {
        float* copy = scaled.of<float>(count * side.d);
        for (long i = 0; i < count * side.d; i++) copy[i] = h[i] * scale;
        h = copy;
      }
      pack_panel_rows<P>(h, side.d, count, side.d, out_ + j * u_ * COLS);
    });
  }
  const typename P::unit* panel(long j) const { return out_ + j * u_ * COLS; }
  long u() const { return u_; }
  long d() const { return d_; }

 private:
  Buffer panels_;
  typename P::unit* out_ = nullptr;
  long u_ = 0, d_ = 0;
};

// Rows [v, v + n) of a head as the A operand: where they lie (float32), or rounded into `memory`.
template <class P>
inline const typename P::unit* head_block(const HeadSide& side, long v, long n, Buffer& memory) {
  const float* rows = side.head + v * side.d;
  if constexpr (P::PER == 1) {
    return rows;
  } else {
    const long u = units<P>(side.d);
    auto* out = memory.of<typename P::unit>(static_cast<size_t>(round_up(n, P::ROW_PAD)) * u);
    pack_rows<P>(rows, side.d, n, side.d, out);
    return out;
  }
}

}  // namespace winnow
