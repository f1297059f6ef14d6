#include "decode-linear.h"

#include <algorithm>

#include "decode-many-rows.h"
#include "gemm.h"
#include "pool.h"

namespace winnow::decode {
namespace {

// Bytes of rows of x that stay in the second cache during the pass over the outputs.
constexpr long NEAR_BYTES = 192 * 1024;
// The most bytes of weights that a thread takes at a time. A part begins without prefetched weights, so parts are few: two a
// thread, which lets a quick thread help, and more only for a very large matrix.
constexpr long PART_BYTES = 8 * 1024 * 1024;

// Four outputs and up to TILE_ROWS rows.
template <class W, bool PREFETCH>
void tile_of(long rows, const typename W::weight* const* w, const typename W::input* x, long ldx, long K, const long* ahead,
             float* y, long ldy) {
  switch (rows) {
#if defined(WINNOW_AVX512)
    case 6: return dot_tile<W, 4, 6, PREFETCH>(w, x, ldx, K, ahead, y, ldy);
    case 5: return dot_tile<W, 4, 5, PREFETCH>(w, x, ldx, K, ahead, y, ldy);
    case 4: return dot_tile<W, 4, 4, PREFETCH>(w, x, ldx, K, ahead, y, ldy);
    case 3: return dot_tile<W, 4, 3, PREFETCH>(w, x, ldx, K, ahead, y, ldy);
#endif
    case 2: return dot_tile<W, 4, 2, PREFETCH>(w, x, ldx, K, ahead, y, ldy);
    default: return dot_tile<W, 4, 1, PREFETCH>(w, x, ldx, K, ahead, y, ldy);
  }
}

// Bytes between a weight and the weight that is fetched meanwhile: the time of a fetch from memory at the speed of many rows.
constexpr long FETCH_BYTES = 16 * 1024;

// All rows of x against four outputs; the tiles of the rows fetch four later ones among them.
template <class W>
void four_outputs(const typename W::weight* const* w, const typename W::input* x, long ldx, long M, long K, bool fetch, float* y,
                  long ldy) {
  const long groups = (M + TILE_ROWS - 1) / TILE_ROWS, fetching = std::min<long>(groups, 4);
  const long distance = std::max<long>(4, FETCH_BYTES / static_cast<long>(sizeof **w) / K / 4 * 4) * K;
  for (long g = 0; g < groups; g++) {
    const long from = part_begin(M, groups, g), to = part_begin(M, groups, g + 1);
    if (fetch && g < fetching) {
      long ahead[4];
      for (long o = 0; o < 4; o++) ahead[o] = o * fetching / 4 == g ? distance : 0;
      tile_of<W, true>(to - from, w, x + from * ldx, ldx, K, ahead, y + from * ldy, ldy);
    } else tile_of<W, false>(to - from, w, x + from * ldx, ldx, K, nullptr, y + from * ldy, ldy);
  }
}

// `dot_rows` for any weights; K is the stride of their rows.
template <class W>
void rows_of(const typename W::weight* w, long K, long n0, long n1, const typename W::input* x, long ldx, long M, float* y, long ldy) {
  const long block = std::max<long>(TILE_ROWS, NEAR_BYTES / static_cast<long>(sizeof *x) / K / TILE_ROWS * TILE_ROWS);
  for (long m0 = 0; m0 < M; m0 += block) {
    const long rows = std::min(block, M - m0);
    const typename W::input* xs = x + m0 * ldx;
    float* ys = y + m0 * ldy;
    long n = n0;
    const long ahead[8] = {8 * K, 8 * K, 8 * K, 8 * K, 8 * K, 8 * K, 8 * K, 8 * K};
    if (rows == 1)
      // eight outputs: as many chains of additions as one row needs to hide their latency
      for (; n + 8 <= n1; n += 8) {
        const typename W::weight* at[8];
        for (int o = 0; o < 8; o++) at[o] = w + (n + o) * K;
        dot_tile<W, 8, 1, true>(at, xs, ldx, K, ahead, ys + n, ldy);
      }
    if (rows > TILE_ROWS && rows * K * static_cast<long>(sizeof *x) > FIRST_CACHE) {
      n = n0 + (n1 - n0) / 4 * 4;
      if (n > n0) many_rows<W>(w, K, n0, n, xs, ldx, rows, ys, ldy);
    }
    for (; n + 4 <= n1; n += 4) {
      const typename W::weight* at[4] = {w + n * K, w + (n + 1) * K, w + (n + 2) * K, w + (n + 3) * K};
      four_outputs<W>(at, xs, ldx, rows, K, m0 == 0, ys + n, ldy);
    }
    if (n < n1) {
      const typename W::weight* at[4];
      for (int o = 0; o < 4; o++) at[o] = w + std::min(n + o, n1 - 1) * K;
      float last[4];
      for (long m = 0; m < rows; m++) {
        tile_of<W, false>(1, at, xs + m * ldx, ldx, K, nullptr, last, 4);
        std::copy(last, last + (n1 - n), ys + m * ldy + n);
      }
    }
  }
}

// The rows of x for products with weights in bfloat16: rounded, and padded to whole steps.
const Bfloat16::input* rounded(const float* x, long ldx, long M, long K) {
  thread_local Buffer room;
  const long stride = Bfloat16::stride(K);
  Bfloat16::input* out = room.of<Bfloat16::input>(static_cast<size_t>(M * stride));
  for (long m = 0; m < M; m++) {
    Bfloat16::round(x + m * ldx, K, out + m * stride);
    std::fill(out + m * stride + K, out + (m + 1) * stride, Bfloat16::input{});
  }
  return out;
}

// x Phi(x) with Phi by Abramowitz and Stegun 7.1.26: absolute error of Phi below 1e-7.
inline vf gelu(vf x) {
  const vf z = x * splat(0.70710678118654752f);
  const vf a = z < zero() ? -z : z;
  const vf t = splat(1.f) / (splat(1.f) + splat(0.3275911f) * a);
  vf p = splat(1.061405429f);
  p = p * t + splat(-1.453152027f);
  p = p * t + splat(1.421413741f);
  p = p * t + splat(-0.284496736f);
  p = p * t + splat(0.254829592f);
  const vf tail = splat(0.5f) * p * t * vexp(-(a * a));  // 1 - Phi(|x|)
  return x * (z < zero() ? tail : splat(1.f) - tail);
}

// x / 2 (1 + tanh(u)) = x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3).
inline vf gelu_tanh(vf x) {
  const vf twice = splat(1.5957691216057308f) * (x + splat(0.044715f) * x * x * x);
  return x / (splat(1.f) + vexp(-twice));
}

inline vf activate(Activation by, vf x) {
  switch (by) {
    case Activation::NONE: return x;
    case Activation::GELU: return gelu(x);
    case Activation::GELU_TANH: return gelu_tanh(x);
    case Activation::SILU: return x / (splat(1.f) + vexp(-x));
  }
  return x;
}

template <class F>
inline void each_vector(long n0, long n1, F&& f) {
  for (long n = n0; n < n1; n += LANES) f(n, std::min<long>(LANES, n1 - n));
}

void finish(long n0, long n1, long M, float* y, long ldy, const Epilogue& then) {
  for (long m = 0; m < M; m++) {
    float* row = y + m * ldy;
    each_vector(n0, n1, [&](long n, long lanes) {
      vf v = load_partial(row + n, lanes);
      if (then.bias) v += load_partial(then.bias + n, lanes);
      v = activate(then.activation, v);
      if (then.add) v += load_partial(then.add + m * ldy + n, lanes);
      store_partial(row + n, v, lanes);
    });
  }
}

// Cuts the outputs among the threads, in fours or in tiles; `weights` counts the matrices.
template <class F>
void over_outputs(const Weights& w, long N, long K, long M, long weights, F&& f) {
  const long unit = w.blocks ? TILE : 4;
  if ((M + READING) * N * K * weights < WORTH_THREADS) return f(0, N);
  const long parts = std::min((N + unit - 1) / unit, std::max<long>(2 * threads(), N * K * 4 * weights / PART_BYTES));
  parallel(parts, [&](long p) { f(part_begin(N, parts, p, unit), part_begin(N, parts, p + 1, unit)); });
}

}  // namespace

void dot_rows(const Weights& w, long K, long n0, long n1, const float* x, long ldx, long M, float* y, long ldy) {
  if (w.halves) rows_of<Halves>(w.halves, K, n0, n1, x, ldx, M, y, ldy);
  else rows_of<Float32>(w.float32, K, n0, n1, x, ldx, M, y, ldy);
}

Inputs::Inputs(const Weights& w, const Weights& other, const float* x, long ldx, long M, long K) : x_(x), ldx_(ldx), M_(M), K_(K) {
  if (w.bfloat16 || other.bfloat16) x16_ = rounded(x, ldx, M, K);
  if (!w.blocks && !other.blocks) return;
  thread_local Buffer room;
  InputBlock* blocks = room.of<InputBlock>(static_cast<size_t>(M * shared_blocks(K)));
  round_inputs(x, ldx, M, K, blocks);
  blocks_ = blocks;
}

void Inputs::times(const Weights& w, long n0, long n1, float* y, long ldy) const {
  const long stride = Bfloat16::stride(K_);
  if (w.blocks) blocks_rows(w.blocks, w.first, K_, n0, n1, blocks_, M_, y, ldy);
  else if (w.bfloat16) rows_of<Bfloat16>(w.bfloat16, stride, n0, n1, x16_, stride, M_, y, ldy);
  else dot_rows(w, K_, n0, n1, x_, ldx_, M_, y, ldy);
}

template <class W>
static void chosen_of(const typename W::weight* w, long K, const int32_t* id, long count, const float* x, float* out) {
  constexpr long LINE = 64 / sizeof(typename W::weight);
  for (long i = 0; i < count; i += 4) {
    const typename W::weight* at[4];
    for (long o = 0; o < 4; o++) at[o] = w + id[std::min(i + o, count - 1)] * K;
    for (long o = i + 4; o < std::min(i + 8, count); o++)
      for (long k = 0; k < K; k += LINE) __builtin_prefetch(w + id[o] * K + k);
    float sums[4];
    tile_of<W, false>(1, at, x, K, K, nullptr, sums, 4);
    std::copy(sums, sums + std::min<long>(4, count - i), out + i);
  }
}

void dot_chosen(const Weights& w, long K, const int32_t* id, long count, const float* x, float* out) {
  if (w.halves) chosen_of<Halves>(w.halves, K, id, count, x, out);
  else chosen_of<Float32>(w.float32, K, id, count, x, out);
}

void linear(const Weights& w, long N, long K, const float* x, long ldx, long M, float* y, long ldy, const Epilogue& then) {
  const bool in_place = then.add == y;
  const Inputs inputs(w, w, x, ldx, M, K);
  over_outputs(w, N, K, M, 1, [&](long n0, long n1) {
    if (!in_place) {
      inputs.times(w, n0, n1, y, ldy);
      return finish(n0, n1, M, y, ldy, then);
    }
    // the summand lies in the result's memory, so the products go to another place first
    thread_local Buffer room;
    const long width = n1 - n0;
    float* part = room.of<float>(static_cast<size_t>(M * width));
    inputs.times(w, n0, n1, part - n0, width);
    for (long m = 0; m < M; m++)
      each_vector(0, width, [&](long n, long lanes) {
        vf v = load_partial(part + m * width + n, lanes);
        if (then.bias) v += load_partial(then.bias + n0 + n, lanes);
        v = activate(then.activation, v);
        float* at = y + m * ldy + n0 + n;
        store_partial(at, v + load_partial(at, lanes), lanes);
      });
  });
}

void gated(const Weights& gate, const Weights& up, const float* gate_bias, const float* up_bias, Activation act, long N, long K,
           const float* x, long ldx, long M, float* y, long ldy) {
  const Inputs inputs(gate, up, x, ldx, M, K);
  over_outputs(gate, N, K, M, 2, [&](long n0, long n1) {
    thread_local Buffer room;
    const long width = n1 - n0;
    float* raised = room.of<float>(static_cast<size_t>(M * width));
    inputs.times(gate, n0, n1, y, ldy);
    inputs.times(up, n0, n1, raised - n0, width);
    for (long m = 0; m < M; m++)
      each_vector(0, width, [&](long n, long lanes) {
        float* at = y + m * ldy + n0 + n;
        vf g = load_partial(at, lanes), u = load_partial(raised + m * width + n, lanes);
        if (gate_bias) g += load_partial(gate_bias + n0 + n, lanes);
        if (up_bias) u += load_partial(up_bias + n0 + n, lanes);
        store_partial(at, activate(act, g) * u, lanes);
      });
  });
}

}  // namespace winnow::decode
