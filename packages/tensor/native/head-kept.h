// Logits of the target that the statistics pass keeps for the gradient, which else multiplies the kept rows again: of as
// many tiles of the vocabulary as fit into the caller's memory, in float32, so that the gradient's bits are the same.
#pragma once
#include "head-tiles.h"

namespace winnow {

class KeptTiles {
 public:
  // Memory of `bytes` for N rows, from a cache line on; null keeps nothing.
  KeptTiles(float* at, int64_t bytes, long N, long V) : at_(at), rows_(round_up(N, COLS)), all_((V + HEAD_TILE - 1) / HEAD_TILE) {
    const long each = rows_ * HEAD_TILE * static_cast<long>(sizeof(float));
    tiles_ = at == nullptr || each == 0 ? 0 : std::min<long>(all_, bytes / each);
  }

  // The place of the tile that begins at token v; -1 of one that is not kept. Kept tiles are spread evenly, as threads
  // share the vocabulary.
  long slot(long v) const {
    const long tile = v / HEAD_TILE, place = tile * tiles_ / all_;
    return (tile + 1) * tiles_ / all_ > place ? place : -1;
  }

  // Keeps a tile, z [HEAD_TILE, COLS], for the panel whose first row is n.
  void put(long slot, long n, const float* z) const {
    for (long c = 0; c < COLS; c += LANES)
      for (long r = 0; r < HEAD_TILE; r += LANES) transpose(z + r * COLS + c, COLS, row(slot, n + c) + r, HEAD_TILE, Write::STREAM);
  }

  // The kept tile of n rows, at most COLS, as z [HEAD_TILE, COLS]; 0 beyond them.
  void take(long slot, const int32_t* rows, long n, float* z) const {
    alignas(64) float lines[COLS * HEAD_TILE];
    for (long c = 0; c < n; c++) std::memcpy(lines + c * HEAD_TILE, row(slot, rows[c]), HEAD_TILE * sizeof(float));
    std::memset(lines + n * HEAD_TILE, 0, (COLS - n) * HEAD_TILE * sizeof(float));
    for (long c = 0; c < COLS; c += LANES)
      for (long r = 0; r < HEAD_TILE; r += LANES) transpose(lines + c * HEAD_TILE + r, HEAD_TILE, z + r * COLS + c, COLS, Write::CACHED);
  }

 private:
  // [tiles, rows, HEAD_TILE]: the numbers of a row lie together, so that rows without a gradient are not read.
  float* row(long slot, long n) const { return at_ + (slot * rows_ + n) * HEAD_TILE; }
  float* at_;
  long rows_, all_, tiles_;
};

}  // namespace winnow
