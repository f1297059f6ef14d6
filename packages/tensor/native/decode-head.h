// The vocabulary head in decoding: the most probable token and its margin, exactly, with a quarter of the reading.
//
// A screen holds the head in 8 bits, and a bound of the rounding error of each row. One pass over the screen bounds every
// logit from both sides. Rows that cannot be among the best two are left out; the logits of the others (some ten of
// V = 50304) are computed from the head itself. The result equals that of a pass over the whole head, bit by bit.
//
// For a row w = w~ + e and a hidden state h = h~ + f, both roundings to 8 bits:
//   |w . h - w~ . h~| = |e . h + w~ . f| <= |e| |h| + |w~| |f|     (Cauchy-Schwarz),
// and the float32 sum of w . h is within gamma |w| |h| of w . h, gamma = 2 K 2^-24. w~ . h~ is a sum of whole numbers, exact.
//
// Letters: R rows, V vocabulary, d hidden size.
#pragma once
#include <limits>

#include "decode-linear.h"
#include "gemm.h"
#include "soft-cap.h"

namespace winnow::decode {

// The largest two of the added numbers.
struct BestTwo {
  float first = -std::numeric_limits<float>::infinity(), second = -std::numeric_limits<float>::infinity();
  void add(float x) {
    if (x > first) {
      second = first;
      first = x;
    } else if (x > second) second = x;
  }
};

class Screen {
 public:
  // Vocabulary rows of a block: units of four entries of d, rows innermost, so that sums are lanes.
  static constexpr long BLOCK = 64;
  // Throws std::bad_alloc. Not `usable` if the head has an entry that is not finite.
  Screen(const Weights& head, long V, long d);
  bool usable() const { return usable_; }
  long bytes() const { return static_cast<long>(blocks_ * block_bytes()); }
  long vocabulary() const { return V_; }
  long width() const { return d_; }

  // Ids of every row of the head whose logit may be among the `best` (1 or 2) largest for h [R, d], ascending, at
  // ids + r * most; counts[r] is -1 where there are more than `most`, or h is not finite.
  void candidates(const float* h, long R, int best, int32_t* ids, long most, int32_t* counts) const;

 private:
  long units() const { return (d_ + 3) / 4; }
  size_t block_bytes() const { return static_cast<size_t>(units()) * 4 * BLOCK + 3 * BLOCK * sizeof(float); }
  long V_, d_, blocks_;
  bool usable_ = true;
  mutable Buffer memory_;
};

// For each row of h [R, d]: the id of its largest logit with head [V, d] (the lowest of equal ones; 0 if all are NaN) and
// the largest less the second largest, both capped (infinite for V = 1). `margin` and `screen` may be null; a head of blocks, which has as
// many bytes as its screen would have, takes none. Returns the number of rows that took a pass over the whole head.
long greedy(const Weights& head, long V, long d, const Screen* screen, const float* h, long R, const SoftCap& cap,
            int32_t* argmax, float* margin);

}  // namespace winnow::decode
