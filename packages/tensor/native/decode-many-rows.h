// Products of more rows than a near cache holds: the sums of decode-linear.h, bit by bit, in an order that reads less.
//
// The outputs are taken in blocks, whose weights come from memory once and then stay in the second cache; meanwhile the weights
// of the next block are fetched into it. A block meets the rows in groups, and a group one chunk of K at a time, so that the
// group's inputs stay in the first cache for all outputs of the block. Between two chunks the accumulators of a tile are
// stored as they are.
//
// Letters: M rows, N outputs, K inputs.
#pragma once
#include <algorithm>

#include "decode-linear.h"
#include "gemm.h"
#include "pool.h"

namespace winnow::decode {

// Bytes of inputs that stay in the first cache beside the weights of a tile and its accumulators.
constexpr long NEAR_INPUTS = 18 * 1024;
// Bytes of weights of a block of outputs: two blocks and the inputs stay in the second cache.
constexpr long BLOCK_WEIGHTS = 96 * 1024;
// Inputs of more bytes are worth the blocks.
constexpr long FIRST_CACHE = 32 * 1024;

// One chunk of a tile: four outputs, ROWS rows, `length` entries of K; the accumulators come from `sums` unless it is the
// first chunk, and go there unless it is the last, after which out[r][o] has the sums. Fetches FETCHED rows of weights at
// `next`, which are K apart.
template <class W, int ROWS, int FETCHED>
static inline void chunk_tile(const typename W::weight* w, long K, const typename W::input* x, long ldx, long length, bool first,
                              bool last, const typename W::weight* next, vf* sums, float* out, long ldo) {
  vf sum[ROWS][4];
#pragma GCC unroll 8
  for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 4
    for (int o = 0; o < 4; o++) sum[r][o] = first ? zero() : sums[r * 4 + o];
  long k = 0;
  for (; k + W::STEP <= length; k += W::STEP) {
    decltype(W::load_weight(w)) weight[4];
#pragma GCC unroll 4
    for (int o = 0; o < 4; o++) weight[o] = W::load_weight(w + o * K + k);
#pragma GCC unroll 4
    for (int o = 0; o < FETCHED; o++) __builtin_prefetch(next + o * K + k, 0, 2);
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; r++) {
      const auto input = W::load_input(x + r * ldx + k);
#pragma GCC unroll 4
      for (int o = 0; o < 4; o++) W::multiply(sum[r][o], weight[o], input);
    }
  }
  if constexpr (std::is_same_v<W, Float32>)
    if (k < length)
#pragma GCC unroll 8
      for (int r = 0; r < ROWS; r++) {
        const vf input = load_partial(x + r * ldx + k, length - k);
#pragma GCC unroll 4
        for (int o = 0; o < 4; o++) sum[r][o] += load_partial(w + o * K + k, length - k) * input;
      }
#pragma GCC unroll 8
  for (int r = 0; r < ROWS; r++)
    if (last) reduce_four(sum[r], out + r * ldo);
    else
#pragma GCC unroll 4
      for (int o = 0; o < 4; o++) sums[r * 4 + o] = sum[r][o];
}

template <class W, int FETCHED, class... Arguments>
static void chunk_of(long rows, Arguments... arguments) {
  switch (rows) {
#if defined(WINNOW_AVX512)
    case 6: return chunk_tile<W, 6, FETCHED>(arguments...);
    case 5: return chunk_tile<W, 5, FETCHED>(arguments...);
    case 4: return chunk_tile<W, 4, FETCHED>(arguments...);
    case 3: return chunk_tile<W, 3, FETCHED>(arguments...);
#endif
    case 2: return chunk_tile<W, 2, FETCHED>(arguments...);
    default: return chunk_tile<W, 1, FETCHED>(arguments...);
  }
}

// y[m][n] of M rows and the outputs n0 to n1, a multiple of four of them.
template <class W>
void many_rows(const typename W::weight* w, long K, long n0, long n1, const typename W::input* x, long ldx, long M, float* y,
               long ldy) {
  constexpr long INPUT = sizeof(typename W::input), WEIGHT = sizeof(typename W::weight);
  const long chunks = (K * INPUT * 2 * TILE_ROWS + NEAR_INPUTS - 1) / NEAR_INPUTS;
  const long chunk = ((K + chunks - 1) / chunks + W::STEP - 1) / W::STEP * W::STEP;
  const long groups = (M * chunk * INPUT + NEAR_INPUTS - 1) / NEAR_INPUTS;
  const long outputs = std::max<long>(4, BLOCK_WEIGHTS / WEIGHT / K / 4 * 4);
  // tiles that the rows make for four outputs; they share the fetching of four later ones
  long tiles = 0;
  for (long g = 0; g < groups; g++) tiles += (part_begin(M, groups, g + 1) - part_begin(M, groups, g) + TILE_ROWS - 1) / TILE_ROWS;
  thread_local Buffer room;
  vf* const sums = reinterpret_cast<vf*>(room.of<float>(static_cast<size_t>((M / groups + 1) * outputs * LANES)));
  for (long block = n0; block < n1; block += outputs) {
    const long end = std::min(block + outputs, n1);
    for (long g = 0, before = 0; g < groups; g++) {
      const long m0 = part_begin(M, groups, g), rows = part_begin(M, groups, g + 1) - m0;
      const long here = (rows + TILE_ROWS - 1) / TILE_ROWS;
      for (long k = 0; k < K; k += chunk) {
        vf* sum = sums;
        for (long n = block; n < end; n += 4)
          for (long t = 0; t < here; t++) {
            const long from = m0 + part_begin(rows, here, t), count = m0 + part_begin(rows, here, t + 1) - from;
            const long o0 = 4 * (before + t) / tiles, fetched = 4 * (before + t + 1) / tiles - o0;
            const auto* next = w + (std::min(n + outputs, n1 - 4) + o0) * K + k;
            auto run = [&](auto fetches) {
              chunk_of<W, decltype(fetches)::value>(count, w + n * K + k, K, x + from * ldx + k, ldx, std::min(chunk, K - k), k == 0,
                                                    k + chunk >= K, next, sum, y + from * ldy + n, ldy);
            };
            if (fetched == 0) run(std::integral_constant<int, 0>());
            else if (fetched == 1) run(std::integral_constant<int, 1>());
            else if (fetched == 2) run(std::integral_constant<int, 2>());
            else run(std::integral_constant<int, 4>());
            sum += 4 * count;
          }
      }
      before += here;
    }
  }
}

}  // namespace winnow::decode
