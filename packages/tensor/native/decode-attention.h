// Attention of new positions over a cache of keys and values, rotary embedding and append included.
//
// Letters: B sequences, T new positions, P cached positions, S = P + T, h head size, Q query heads, G key-value heads.
#pragma once
#include <vector>

#include "gemm.h"
#include "soft-cap.h"
#include "zero-pages.h"

namespace winnow::decode {

// How heads lie in a row of packed projections: all queries, keys, values; or query, key, value of a head side by side.
enum class HeadOrder : int { KINDS = 0, HEADS = 1 };

struct Heads {
  long query = 0, key_value = 0, size = 0;
  HeadOrder order = HeadOrder::KINDS;
};

// The first `rotated` entries of a head are rotated, in two halves; cos and sin [positions, rotated / 2] carry the factor of
// queries and keys, `scale` is the factor of the other entries.
struct Rotation {
  const float *cos, *sin;
  long rotated;
  float scale;
};

// Positions that form a tree. They lie in the slots of the cache from `base` on, a node behind the node that it follows: the
// node in slot base + i follows the node parent[i], or the position before `base` for -1. depth[i] nodes lie before it on its
// path, so its position is base + depth[i].
struct Tree {
  long base;
  const int32_t *parent, *depth;
};

// Keys and values of one layer. Keys lie in blocks of BLOCK positions; positions are innermost in a block, so that scores
// are lanes. Values lie row by row, padded to whole vectors.
class LayerCache {
 public:
  static constexpr long BLOCK = 64;
  // Makes room for `positions` of `sequences`; keeps the first `held` positions.
  void reserve(long sequences, long positions, long held, const Heads& heads);
  // Copies a position of a sequence to another slot.
  void move(long b, long from, long to);
  long bytes() const { return static_cast<long>(keys_.bytes() + values_.bytes()); }

  float* keys(long b, long g) const { return keys_.of<float>() + (b * groups_ + g) * capacity_ * size_; }
  float* values(long b, long g) const { return values_.of<float>() + (b * groups_ + g) * capacity_ * padded_; }

 private:
  ZeroPages keys_, values_;
  long capacity_ = 0, groups_ = 0, size_ = 0, padded_ = 0;
};

// Rotates queries and keys of packed [B T, (Q + 2 G) h] (ld `packed_ld`), appends keys and values at positions P to P + T,
// and writes the context [B T, Q h] (ld `context_ld`). `pad` [B] counts the left padding, null for none; a row
// of padding has context 0. Positions count from the first real token. A position reads the last `window` positions, its
// own included; a window of 0 means all. With a tree (or null) the positions of its slots read the text and their own path
// alone, in the order and with the sums of that path as a text. Scores are capped.
void attend(const float* packed, long packed_ld, float* context, long context_ld, const LayerCache& cache, const Heads& heads,
            const Rotation& rotation, const SoftCap& cap, long window, long B, long T, long P, const int32_t* pad, const Tree* tree);

}  // namespace winnow::decode
