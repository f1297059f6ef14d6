// Products of a few rows with a weight matrix, for decoding: y[m][n] = sum_k x[m][k] w[n][k].
//
// Every y[m][n] is summed in one order, whatever M, the tile or the thread: one accumulator of LANES lanes walks along k,
// its lanes are then added in a fixed tree. A row's result therefore does not depend on the rows beside it: a text that is
// verified five tokens at a time gives bit by bit the numbers of the same text token by token.
//
// The time of few rows is that of reading w, which is streamed once: a tile holds the accumulators of all rows in registers.
//
// Letters: M rows, N outputs, K inputs.
#pragma once
#include <type_traits>

#include "decode-blocks.h"
#include "variant.h"

namespace winnow::decode {

// The most rows of x in a tile: TILE_OUTPUTS x TILE_ROWS accumulators and their operands fit the registers.
#if defined(WINNOW_AVX512)
constexpr int TILE_ROWS = 6;
#else
constexpr int TILE_ROWS = 2;
#endif
constexpr int TILE_OUTPUTS = 4;

// The sums of the lanes of four vectors, each in the same tree of additions.
static inline void reduce_four(const vf* a, float* out) {
#if defined(WINNOW_AVX512)
  const __m512 a0 = (__m512)a[0], a1 = (__m512)a[1], a2 = (__m512)a[2], a3 = (__m512)a[3];
  const __m512 t0 = _mm512_add_ps(_mm512_unpacklo_ps(a0, a1), _mm512_unpackhi_ps(a0, a1));
  const __m512 t1 = _mm512_add_ps(_mm512_unpacklo_ps(a2, a3), _mm512_unpackhi_ps(a2, a3));
  const __m512 u = _mm512_add_ps(_mm512_shuffle_ps(t0, t1, 0x44), _mm512_shuffle_ps(t0, t1, 0xee));
  const __m256 v = _mm256_add_ps(_mm512_castps512_ps256(u), _mm512_extractf32x8_ps(u, 1));
  _mm_storeu_ps(out, _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1)));
#elif defined(WINNOW_AVX2)
  const __m256 a0 = (__m256)a[0], a1 = (__m256)a[1], a2 = (__m256)a[2], a3 = (__m256)a[3];
  const __m256 t0 = _mm256_add_ps(_mm256_unpacklo_ps(a0, a1), _mm256_unpackhi_ps(a0, a1));
  const __m256 t1 = _mm256_add_ps(_mm256_unpacklo_ps(a2, a3), _mm256_unpackhi_ps(a2, a3));
  const __m256 u = _mm256_add_ps(_mm256_shuffle_ps(t0, t1, 0x44), _mm256_shuffle_ps(t0, t1, 0xee));
  _mm_storeu_ps(out, _mm_add_ps(_mm256_castps256_ps128(u), _mm256_extractf128_ps(u, 1)));
#else
  for (int i = 0; i < 4; i++) out[i] = (a[i][0] + a[i][2]) + (a[i][1] + a[i][3]);
#endif
}

// A layout of weights in memory and its multiplication. float32: rows of K.
struct Float32 {
  typedef float weight;
  typedef float input;
  static constexpr long STEP = LANES;
  static long stride(long K) { return K; }
  static vf load_weight(const weight* p) { return load(p); }
  static vf load_input(const input* p) { return load(p); }
  static void multiply(vf& sum, vf w, vf x) { sum += w * x; }
};

// bfloat16: rows padded with zeros to whole steps; inputs are rounded too, sums are float32.
struct Bfloat16 {
  typedef uint16_t weight;
  static long stride(long K) { return (K + 31) / 32 * 32; }
#if defined(WINNOW_BF16)
  typedef uint16_t input;
  static constexpr long STEP = 2 * LANES;
  static __m512bh load_weight(const weight* p) { return (__m512bh)_mm512_loadu_si512(p); }
  static __m512bh load_input(const input* p) { return (__m512bh)_mm512_loadu_si512(p); }
  static void multiply(vf& sum, __m512bh w, __m512bh x) { sum = (vf)_mm512_dpbf16_ps((__m512)sum, w, x); }
  static void round(const float* from, long n, input* to) {
    for (long i = 0; i < n; i += LANES)
      if (n - i >= LANES) store_bf16(to + i, load(from + i));
      else
        for (long k = i; k < n; k++) to[k] = to_bf16(from[k]);
  }
#else
  typedef float input;
  static constexpr long STEP = LANES;
  static vf load_weight(const weight* p) { return load_bf16(p); }
  static vf load_input(const input* p) { return load(p); }
  static void multiply(vf& sum, vf w, vf x) { sum += w * x; }
  static void round(const float* from, long n, input* to) {
    for (long i = 0; i < n; i++) to[i] = from_bf16(to_bf16(from[i]));
  }
#endif
};

// bfloat16 in the layout of a file, inputs in float32. Each weight is widened in a register, which is exact, so every sum
// equals that of the same numbers in float32. K is a multiple of 32.
struct Halves {
  typedef uint16_t weight;
  typedef float input;
  static constexpr long STEP = LANES;
  static vf load_weight(const weight* p) { return load_bf16(p); }
  static vf load_input(const input* p) { return load(p); }
  static void multiply(vf& sum, vf w, vf x) { sum += w * x; }
};

// One tile: OUTPUTS rows of w (a multiple of four), ROWS rows of x; out[r][o]. `ahead` [OUTPUTS] is the distance from each
// row to a later row, which is prefetched meanwhile: half the time of the processor's own prefetching.
template <class W, int OUTPUTS, int ROWS, bool PREFETCH>
static inline void dot_tile(const typename W::weight* const* w, const typename W::input* x, long ldx, long K, const long* ahead,
                            float* out, long ldo) {
  vf sum[ROWS][OUTPUTS];
#pragma GCC unroll 8
  for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 8
    for (int o = 0; o < OUTPUTS; o++) sum[r][o] = zero();
  long k = 0;
  for (; k + W::STEP <= K; k += W::STEP) {
    decltype(W::load_weight(w[0])) weight[OUTPUTS];
#pragma GCC unroll 8
    for (int o = 0; o < OUTPUTS; o++) {
      weight[o] = W::load_weight(w[o] + k);
      if (PREFETCH) __builtin_prefetch(w[o] + k + ahead[o], 0, 3);
    }
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; r++) {
      const auto input = W::load_input(x + r * ldx + k);
#pragma GCC unroll 8
      for (int o = 0; o < OUTPUTS; o++) W::multiply(sum[r][o], weight[o], input);
    }
  }
  if constexpr (std::is_same_v<W, Float32>)
    if (k < K)
#pragma GCC unroll 8
      for (int r = 0; r < ROWS; r++) {
        const vf input = load_partial(x + r * ldx + k, K - k);
#pragma GCC unroll 8
        for (int o = 0; o < OUTPUTS; o++) sum[r][o] += load_partial(w[o] + k, K - k) * input;
      }
#pragma GCC unroll 8
  for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 2
    for (int o = 0; o < OUTPUTS; o += 4) reduce_four(sum[r] + o, out + r * ldo + o);
}

// The weights [N, K] of a product: in float32, rounded to bfloat16 in rows of Bfloat16::stride(K), halves, or blocks.
struct Weights {
  const float* float32 = nullptr;
  const uint16_t* bfloat16 = nullptr;
  const uint16_t* halves = nullptr;
  const uint8_t* blocks = nullptr;
  long first = 0;  // the row of the blocks that counts as the first
  // Row n as float32: where it lies, or widened into `room` [K].
  const float* row(long n, long K, float* room) const {
    if (blocks) {
      blocks_row(blocks, first + n, K, room);
      return room;
    }
    if (!halves) return float32 + n * K;
    widen(halves + n * K, K, room);
    return room;
  }
};

// The weights of an address: float32, halves or blocks.
inline Weights weights_at(const float* at) {
  if (const uint8_t* blocks = blocks_at(at)) return {nullptr, nullptr, nullptr, blocks};
  const uint16_t* halves = halves_at(at);
  return halves ? Weights{nullptr, nullptr, halves} : Weights{at};
}

// y[m][n] for M rows and the outputs n0 to n1 (y points at output 0): raw sums, nothing added. Of float32 or halves.
void dot_rows(const Weights& w, long K, long n0, long n1, const float* x, long ldx, long M, float* y, long ldy);

// The inputs of products with weights of any kind, rounded once where they are read rounded. Their memory is void after the
// thread's next ones.
class Inputs {
 public:
  // Of a product with w, and with `other`.
  Inputs(const Weights& w, const Weights& other, const float* x, long ldx, long M, long K);
  // As `dot_rows`, for weights of either kind.
  void times(const Weights& w, long n0, long n1, float* y, long ldy) const;

 private:
  const float* x_;
  long ldx_, M_, K_;
  const Bfloat16::input* x16_ = nullptr;
  const InputBlock* blocks_ = nullptr;
};

// out[i] = x . w[id[i]], summed as above: chosen outputs of one row. Of float32 or halves.
void dot_chosen(const Weights& w, long K, const int32_t* id, long count, const float* x, float* out);

// GELU: x Phi(x); GELU_TANH: x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))); SILU: x / (1 + exp(-x)).
enum class Activation : int { NONE, GELU, GELU_TANH, SILU };

// The work after a product, over the outputs n0 to n1 of M rows.
struct Epilogue {
  const float* bias = nullptr;   // [N]
  Activation activation = Activation::NONE;
  const float* add = nullptr;    // [M, ldy]: y = add + result
};
// y = x w^T, then the epilogue, on all threads where it is worth it.
void linear(const Weights& w, long N, long K, const float* x, long ldx, long M, float* y, long ldy, const Epilogue& then);

// y = act(x gate^T + gate_bias) * (x up^T + up_bias); the biases may be null.
void gated(const Weights& gate, const Weights& up, const float* gate_bias, const float* up_bias, Activation act, long N, long K,
           const float* x, long ldx, long M, float* y, long ldy);

// Multiply-adds below which a second thread costs more than it saves: some ten microseconds of one thread. Handing out parts
// takes less, but on a busy machine a thread that is preempted within its part keeps the others waiting.
constexpr long WORTH_THREADS = 700000;
// Multiply-adds that take as long as reading one weight.
constexpr long READING = 3;

}  // namespace winnow::decode
