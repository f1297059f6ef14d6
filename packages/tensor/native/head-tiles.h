// Parts that the head's two halves share: packed hidden states of a block of rows, and tiles of logits from them.
#pragma once
#include <algorithm>

#include "gemm.h"
#include "head.h"
#include "pool.h"
#include "soft-cap.h"

namespace winnow {

// Number of rows (tokens) in a block: their packed hidden states stay in the cache while the head's weights stream by.
constexpr long HEAD_ROWS = 1024;
// Rows of the vocabulary of one tile: whole micro-kernels, 4 x 12 (AVX-512), 8 x 6, or 2 x 32 of AMX.
#if defined(WINNOW_AMX)
constexpr long HEAD_TILE = 64;
#else
constexpr long HEAD_TILE = 48;
#endif

// Parts of the vocabulary that are summed separately, each on one thread: enough to balance the load, and independent
// of the number of threads, so that the order of sums depends only on the sizes. Beyond 16 threads the others are idle
// here.
inline long head_parts(long V) { return std::max<long>(1, std::min<long>(16, V / (2 * HEAD_TILE))); }

// The factor on the hidden states of a side: logits are divided by each temperature.
inline float scale_of_draft(double temperature) { return static_cast<float>(1 / temperature); }
inline float scale_of_target(double temperature, double target_temperature) {
  return static_cast<float>(1 / (temperature * target_temperature));
}

// Hidden states [n, d] times a scale, which divides the logits by a temperature, as panels of COLS rows of the batch. Of a side
// with a cap the scale multiplies the capped logits instead.
template <class P>
class PackedHidden {
 public:
  void pack(const HeadSide& side, long first, long n, float scale) {
    cap_ = SoftCap(static_cast<float>(side.cap), scale);
    if (cap_.on()) scale = 1;
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
  // Makes logits of the products of `ids` rows of the vocabulary, z [ids, COLS], in place.
  void finish(float* z, long ids) const { cap_.apply(z, ids * COLS); }
  const SoftCap& cap() const { return cap_; }

 private:
  SoftCap cap_{0};
  Buffer panels_;
  typename P::unit* out_ = nullptr;
  long u_ = 0, d_ = 0;
};

// Chosen tokens of each row, sorted, so that the search for those of a tile continues after those of the tile before.
class Entries {
 public:
  // ids [n, k] of a block of rows.
  void sort(const int32_t* ids, long n, long k) {
    k_ = k;
    order_ = memory_.of<Entry>(static_cast<size_t>(n * k));
    parallel((n + 31) / 32, [&](long piece) {
      const long end = std::min(n, (piece + 1) * 32);
      for (long i = piece * 32; i < end; i++) {
        Entry* row = order_ + i * k;
        for (long e = 0; e < k; e++) row[e] = {ids[i * k + e], static_cast<int32_t>(e)};
        std::sort(row, row + k, [](const Entry& a, const Entry& b) { return a.id != b.id ? a.id < b.id : a.slot < b.slot; });
      }
    });
  }

  // A thread's position in each row's entries during its pass through its part of the vocabulary.
  class Cursor {
   public:
    void begin(const Entries& entries, long n, long v) {
      entries_ = &entries;
      at_ = memory_.of<int32_t>(n);
      for (long i = 0; i < n; i++) {
        const Entry* row = entries.order_ + i * entries.k_;
        at_[i] = static_cast<int32_t>(std::lower_bound(row, row + entries.k_, v, [](const Entry& e, long id) { return e.id < id; }) - row);
      }
    }
    // Calls use(id, slot) for the entries of row i below v.
    template <class F>
    void upto(long i, long v, F&& use) {
      const Entry* row = entries_->order_ + i * entries_->k_;
      while (at_[i] < entries_->k_ && row[at_[i]].id < v) {
        use(row[at_[i]].id, row[at_[i]].slot);
        at_[i]++;
      }
    }

   private:
    Buffer memory_;
    int32_t* at_ = nullptr;
    const Entries* entries_ = nullptr;
  };

 private:
  struct Entry {
    int32_t id, slot;
  };
  Buffer memory_;
  Entry* order_ = nullptr;
  long k_ = 0;
};

// Rows [v, v + n) of a head as the A operand: in place where they lie in the operand's form, else in `memory`.
template <class P>
inline const typename P::unit* head_block(const HeadSide& side, long v, long n, Buffer& memory) {
  typedef typename P::unit unit;
  const long d = side.d, u = units<P>(d);
  const auto room = [&] { return memory.of<unit>(static_cast<size_t>(round_up(n, P::ROW_PAD)) * u); };
  if (const uint16_t* halves = halves_at(side.head)) {
    const uint16_t* rows = halves + v * d;
    if constexpr (P::PER == 1) {
      unit* out = room();
      widen(rows, n * d, out);
      return out;
    } else {
      // d is a multiple of 32, so a row has no padding
      if (n % P::ROW_PAD == 0) return reinterpret_cast<const unit*>(rows);
      return static_cast<const unit*>(std::memcpy(room(), rows, static_cast<size_t>(n * d) * 2));
    }
  }
  const float* rows = side.head + v * d;
  if constexpr (P::PER == 1) {
    return rows;
  } else {
    unit* out = room();
    pack_rows<P>(rows, d, n, d, out);
    return out;
  }
}

}  // namespace winnow
