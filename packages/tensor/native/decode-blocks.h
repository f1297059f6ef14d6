// Weights in 8 bits by blocks, for decoding: 32 numbers of a row share one scale.
//
// A number is scale * q, q a whole number from -127 to 127, the scale in bfloat16: the least at or above (largest of the 32) /
// 127. Inputs of a product are rounded in the same way, each row by itself, with scales in float32. The sum of a block's 32
// products is a sum of whole numbers, exact in any order; the sums of the blocks, each times both scales, are added in the
// order of the inputs, an accumulator for each output. So a row's result does not depend on the rows beside it, nor on
// threads.
//
// In memory, tiles of 32 outputs: for each 32 inputs the scales of the outputs (a cache line), then units of four inputs, the
// 32 outputs innermost, so that outputs are lanes. A byte is q + 128. A matrix is read in one stream. Rows are padded with
// zeros to whole tiles, inputs to whole blocks.
//
// Letters: M rows, N outputs, K inputs.
#pragma once
#include "variant.h"

namespace winnow::decode {

constexpr long TILE = 32;                            // outputs of a tile
constexpr long SHARED = 32;                          // numbers that share a scale
constexpr long UNITS = SHARED / 4;                   // units of four inputs in a block
constexpr long BLOCK_BYTES = TILE * (2 + SHARED);    // of the scales and the numbers
inline long shared_blocks(long K) { return (K + SHARED - 1) / SHARED; }
inline long tile_bytes(long K) { return shared_blocks(K) * BLOCK_BYTES; }
inline long blocks_bytes(long N, long K) { return (N + TILE - 1) / TILE * tile_bytes(K); }

// 32 inputs of a row: x = scale * q.
struct InputBlock {
#if defined(WINNOW_BF16)
  int32_t unit[UNITS];  // four q each
#else
  int32_t even[UNITS], odd[UNITS];  // of each four the first and third, the second and fourth, in 16 bits
#endif
  float scale;
  int32_t shift;  // -128 times the sum of q, since bytes of weights are 128 too large
};

// Rounds M rows of K inputs (ld `ldx`) to shared_blocks(K) blocks each. An input that is not finite makes its block's scale NaN.
void round_inputs(const float* x, long ldx, long M, long K, InputBlock* out);

// y[m][n] for M rows of inputs and the outputs n0 to n1 (y points at output 0); output 0 is row `first` of the weights.
void blocks_rows(const uint8_t* blocks, long first, long K, long n0, long n1, const InputBlock* x, long M, float* y, long ldy);

// Row n as float32.
void blocks_row(const uint8_t* blocks, long n, long K, float* out);

}  // namespace winnow::decode
