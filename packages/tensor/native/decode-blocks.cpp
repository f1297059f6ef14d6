#include "decode-blocks.h"

#include <algorithm>
#include <atomic>

#include "decode-live.h"
#include "decode.h"
#include "gemm.h"
#include "pool.h"

namespace winnow::decode {
namespace {

// The largest whole number of a rounded one.
constexpr float MOST = 127.f;
// Below this a block counts as zeros.
constexpr float LEAST = 1e-30f;

// The nearest whole number of x / scale, ties to even; |x| <= 127.5 scale.
inline vf rounded_by(vf x, float scale) {
  const vf shift = splat(12582912.f);  // 1.5 * 2^23
  return (x / splat(scale) + shift) - shift;
}

// The scale of 32 weights: the least bfloat16 at or above most / 127.
float scale_of(float most) {
  if (most < LEAST) return 0;
  const float exact = most / MOST;
  uint32_t u;
  std::memcpy(&u, &exact, 4);
  return from_bf16(static_cast<uint16_t>((u + 0xffffu) >> 16));
}

uint8_t* block_at(uint8_t* blocks, long n, long K, long b) { return blocks + n / TILE * tile_bytes(K) + b * BLOCK_BYTES; }
const uint8_t* block_at(const uint8_t* blocks, long n, long K, long b) {
  return blocks + n / TILE * tile_bytes(K) + b * BLOCK_BYTES;
}

// One row of weights into its place. The index of the first number that is not finite, else -1.
long round_row(const float* w, long n, long K, uint8_t* blocks) {
  for (long b = 0; b < shared_blocks(K); b++) {
    const long from = b * SHARED, count = std::min(SHARED, K - from);
    vf top = zero(), check = zero();
    for (long k = 0; k < count; k += LANES) {
      const vf x = load_partial(w + from + k, count - k);
      top = vmax(x < zero() ? -x : x, top);
      check += x - x;  // NaN if x is not finite
    }
    if (reduce_add(check) != 0) {
      for (long k = 0;; k++)
        if (!std::isfinite(w[from + k])) return from + k;
    }
    const float scale = scale_of(reduce_max(top));
    uint8_t* at = block_at(blocks, n, K, b);
    const uint16_t half = to_bf16(scale);
    std::memcpy(at + 2 * (n % TILE), &half, 2);
    uint8_t* bytes = at + 2 * TILE + 4 * (n % TILE);
    for (long k = 0; k < SHARED; k += LANES) {
      vf q = zero();
      if (scale > 0) q = rounded_by(load_partial(w + from + k, std::max<long>(0, count - k)), scale);
      const vi whole = __builtin_convertvector(q, vi) + 128;
      for (int lane = 0; lane < LANES; lane++) bytes[(k + lane) / 4 * 4 * TILE + (k + lane) % 4] = static_cast<uint8_t>(whole[lane]);
    }
  }
  return -1;
}

// Bytes between the weights that are read and those that are fetched meanwhile.
constexpr long FETCHED = 16 * 1024;
// The part of a tile that one pass computes: its outputs are VECTORS vectors.
#if defined(WINNOW_AVX512) || defined(WINNOW_AVX2)
constexpr int VECTORS = 2;
constexpr long PASS = VECTORS * LANES;
#endif
#if !defined(WINNOW_BF16) && (defined(WINNOW_AVX512) || defined(WINNOW_AVX2))
// Of each lane, as two numbers of 16 bits: the sum of their products.
inline vi pairs(vi a, vi b) {
#if defined(WINNOW_AVX512)
  return (vi)_mm512_madd_epi16((__m512i)a, (__m512i)b);
#else
  return (vi)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#endif
}
#endif
#if defined(WINNOW_AVX512)
constexpr int SIDE = 6;  // most rows of inputs of a pass
#elif defined(WINNOW_AVX2)
constexpr int SIDE = 2;
#else
constexpr int SIDE = 1;
#endif

// ROWS rows of inputs with the outputs of a tile: out[r][TILE].
template <int ROWS>
#if defined(WINNOW_BF16)
__attribute__((target("avx512vnni")))  // every processor with bfloat16 products has it
#endif
void tile_rows(const uint8_t* tile, const InputBlock* x, long blocks, float (*out)[TILE]) {
#if defined(WINNOW_BF16)
  vf sum[ROWS][VECTORS];
#pragma GCC unroll 6
  for (int r = 0; r < ROWS; r++) sum[r][0] = sum[r][1] = zero();
  for (long b = 0; b < blocks; b++, tile += BLOCK_BYTES) {
    __m512i dot[ROWS][VECTORS];
#pragma GCC unroll 6
    for (int r = 0; r < ROWS; r++) dot[r][0] = dot[r][1] = _mm512_set1_epi32(x[r * blocks + b].shift);
    _mm_prefetch(reinterpret_cast<const char*>(tile + FETCHED), _MM_HINT_T0);
#pragma GCC unroll 8
    for (long u = 0; u < UNITS; u++) {
      const uint8_t* at = tile + 2 * TILE + u * 4 * TILE;
      const __m512i w0 = _mm512_load_si512(at), w1 = _mm512_load_si512(at + 64);
      _mm_prefetch(reinterpret_cast<const char*>(at + FETCHED), _MM_HINT_T0);
      _mm_prefetch(reinterpret_cast<const char*>(at + FETCHED + 64), _MM_HINT_T0);
#pragma GCC unroll 6
      for (int r = 0; r < ROWS; r++) {
        const __m512i q = _mm512_set1_epi32(x[r * blocks + b].unit[u]);
        dot[r][0] = _mm512_dpbusd_epi32(dot[r][0], w0, q);
        dot[r][1] = _mm512_dpbusd_epi32(dot[r][1], w1, q);
      }
    }
    const uint16_t* scales = reinterpret_cast<const uint16_t*>(tile);
    const vf s0 = load_bf16(scales), s1 = load_bf16(scales + LANES);
#pragma GCC unroll 6
    for (int r = 0; r < ROWS; r++) {
      const vf scale = splat(x[r * blocks + b].scale);
      sum[r][0] += (vf)_mm512_cvtepi32_ps(dot[r][0]) * (s0 * scale);
      sum[r][1] += (vf)_mm512_cvtepi32_ps(dot[r][1]) * (s1 * scale);
    }
  }
#pragma GCC unroll 6
  for (int r = 0; r < ROWS; r++)
    for (int v = 0; v < VECTORS; v++) store(out[r] + v * LANES, sum[r][v]);
#elif defined(WINNOW_AVX512) || defined(WINNOW_AVX2)
  for (long pass = 0; pass < TILE; pass += PASS) {
    vf sum[ROWS][VECTORS];
    for (int r = 0; r < ROWS; r++) sum[r][0] = sum[r][1] = zero();
    const uint8_t* block = tile;
    for (long b = 0; b < blocks; b++, block += BLOCK_BYTES) {
      vi dot[ROWS][VECTORS];
#pragma GCC unroll 6
      for (int r = 0; r < ROWS; r++) dot[r][0] = dot[r][1] = vi{} + x[r * blocks + b].shift;
      for (long u = 0; u < UNITS; u++) {
        const uint8_t* at = block + 2 * TILE + u * 4 * TILE + 4 * pass;
        __builtin_prefetch(at + FETCHED);
        vi even[VECTORS], odd[VECTORS];
#pragma GCC unroll 2
        for (int v = 0; v < VECTORS; v++) {
          const vu bytes = load_units(reinterpret_cast<const uint32_t*>(at + v * LANES * 4));
          even[v] = (vi)(bytes & 0x00ff00ffu);
          odd[v] = (vi)((bytes >> 8) & 0x00ff00ffu);
        }
#pragma GCC unroll 6
        for (int r = 0; r < ROWS; r++) {
          const vi first = vi{} + x[r * blocks + b].even[u], second = vi{} + x[r * blocks + b].odd[u];
#pragma GCC unroll 2
          for (int v = 0; v < VECTORS; v++)
            dot[r][v] += pairs(even[v], first) + pairs(odd[v], second);
        }
      }
      const uint16_t* scales = reinterpret_cast<const uint16_t*>(block) + pass;
      const vf s0 = load_bf16(scales), s1 = load_bf16(scales + LANES);
#pragma GCC unroll 6
      for (int r = 0; r < ROWS; r++) {
        const vf scale = splat(x[r * blocks + b].scale);
        sum[r][0] += __builtin_convertvector(dot[r][0], vf) * (s0 * scale);
        sum[r][1] += __builtin_convertvector(dot[r][1], vf) * (s1 * scale);
      }
    }
    for (int r = 0; r < ROWS; r++)
      for (int v = 0; v < VECTORS; v++) store(out[r] + pass + v * LANES, sum[r][v]);
  }
#else
  for (int r = 0; r < ROWS; r++) {
    std::fill(out[r], out[r] + TILE, 0.f);
    for (long b = 0; b < blocks; b++) {
      const uint8_t* block = tile + b * BLOCK_BYTES;
      const InputBlock& in = x[r * blocks + b];
      int32_t dot[TILE];
      std::fill(dot, dot + TILE, in.shift);
      for (long u = 0; u < UNITS; u++) {
        int16_t q[4];
        std::memcpy(q, &in.even[u], 4);
        std::memcpy(q + 2, &in.odd[u], 4);
        const uint8_t* at = block + 2 * TILE + u * 4 * TILE;
        for (long n = 0; n < TILE; n++) dot[n] += at[4 * n] * q[0] + at[4 * n + 1] * q[2] + at[4 * n + 2] * q[1] + at[4 * n + 3] * q[3];
      }
      for (long n = 0; n < TILE; n++) {
        uint16_t scale;
        std::memcpy(&scale, block + 2 * n, 2);
        out[r][n] += static_cast<float>(dot[n]) * (from_bf16(scale) * in.scale);
      }
    }
  }
#endif
}

void tile_of_rows(long rows, const uint8_t* tile, const InputBlock* x, long blocks, float (*out)[TILE]) {
  switch (rows) {
#if defined(WINNOW_AVX512)
    case 6: return tile_rows<6>(tile, x, blocks, out);
    case 5: return tile_rows<5>(tile, x, blocks, out);
    case 4: return tile_rows<4>(tile, x, blocks, out);
    case 3: return tile_rows<3>(tile, x, blocks, out);
#endif
#if defined(WINNOW_AVX512) || defined(WINNOW_AVX2)
    case 2: return tile_rows<2>(tile, x, blocks, out);
#endif
    default: return tile_rows<1>(tile, x, blocks, out);
  }
}

}  // namespace

void round_inputs(const float* x, long ldx, long M, long K, InputBlock* out) {
  const long blocks = shared_blocks(K);
  auto rows = [&](long m0, long m1) {
    for (long m = m0; m < m1; m++)
      for (long b = 0; b < blocks; b++) {
        const float* from = x + m * ldx + b * SHARED;
        const long count = std::min(SHARED, K - b * SHARED);
        InputBlock& block = out[m * blocks + b];
        vf top = zero(), check = zero();
        for (long k = 0; k < count; k += LANES) {
          const vf v = load_partial(from + k, count - k);
          top = vmax(v < zero() ? -v : v, top);
          check += v - v;
        }
        const float odd = reduce_add(check), most = reduce_max(top);
        block.scale = odd != 0 ? std::nanf("") : most < LEAST ? 0.f : most / MOST;
        alignas(64) int8_t q[SHARED] = {};
        vi sum{};
        if (block.scale > 0)
          for (long k = 0; k < SHARED; k += LANES) {
            const vf v = rounded_by(load_partial(from + k, std::max<long>(0, count - k)), block.scale);
            const vi whole = __builtin_convertvector(v, vi);
            sum += whole;
#if defined(WINNOW_AVX512)
            _mm_store_si128(reinterpret_cast<__m128i*>(q + k), _mm512_cvtepi32_epi8((__m512i)whole));
#else
            for (int lane = 0; lane < LANES; lane++) q[k + lane] = static_cast<int8_t>(whole[lane]);
#endif
          }
        int32_t total = 0;
        for (int lane = 0; lane < LANES; lane++) total += sum[lane];
        block.shift = -128 * total;
#if defined(WINNOW_BF16)
        std::memcpy(block.unit, q, SHARED);
#else
        for (long u = 0; u < UNITS; u++) {
          const int16_t even[2] = {q[4 * u], q[4 * u + 2]}, second[2] = {q[4 * u + 1], q[4 * u + 3]};
          std::memcpy(block.even + u, even, 4);
          std::memcpy(block.odd + u, second, 4);
        }
#endif
      }
  };
  constexpr long WORTH = 1 << 16;  // numbers below which a second thread costs more than it saves
  if (M * K < WORTH) return rows(0, M);
  const long parts = std::min<long>(M, 4 * threads());
  parallel(parts, [&](long p) { rows(part_begin(M, parts, p), part_begin(M, parts, p + 1)); });
}

void blocks_rows(const uint8_t* blocks, long first, long K, long n0, long n1, const InputBlock* x, long M, float* y, long ldy) {
  const long wide = shared_blocks(K), groups = (M + SIDE - 1) / SIDE;
  for (long tile = (first + n0) / TILE; tile * TILE < first + n1; tile++) {
    const long at = tile * TILE - first, from = std::max(at, n0), to = std::min(at + TILE, n1);
    for (long g = 0; g < groups; g++) {
      const long m0 = part_begin(M, groups, g), m1 = part_begin(M, groups, g + 1);
      alignas(64) float out[SIDE][TILE];
      tile_of_rows(m1 - m0, blocks + tile * tile_bytes(K), x + m0 * wide, wide, out);
      for (long m = m0; m < m1; m++) std::copy(out[m - m0] + (from - at), out[m - m0] + (to - at), y + m * ldy + from);
    }
  }
}

void blocks_row(const uint8_t* blocks, long n, long K, float* out) {
  for (long b = 0; b < shared_blocks(K); b++) {
    const uint8_t* at = block_at(blocks, n, K, b);
    uint16_t half;
    std::memcpy(&half, at + 2 * (n % TILE), 2);
    const float scale = from_bf16(half);
    const uint8_t* bytes = at + 2 * TILE + 4 * (n % TILE);
    for (long k = 0; k < std::min(SHARED, K - b * SHARED); k++)
      out[b * SHARED + k] = scale * static_cast<float>(bytes[k / 4 * 4 * TILE + k % 4] - 128);
  }
}

}  // namespace winnow::decode

using namespace winnow;

WINNOW_API void* winnow_blocks_new(int64_t N, int64_t K) {
  const long bytes = decode::blocks_bytes(N, K);
  void* memory = decode::new_weights(bytes);
  // rows that are not set are zeros
  if (memory != nullptr) std::memset(static_cast<char*>(memory) + bytes - decode::tile_bytes(K), 0, static_cast<size_t>(decode::tile_bytes(K)));
  return memory;
}
WINNOW_API int64_t winnow_blocks_set(void* blocks, int64_t K, int64_t from, int64_t rows, const float* values) {
  const long parts = std::clamp<long>(rows * K / (1 << 16), 1, 8 * threads());
  std::atomic<long> first{rows * K};
  parallel(parts, [&](long p) {
    for (long n = part_begin(rows, parts, p); n < part_begin(rows, parts, p + 1); n++) {
      const long odd = decode::round_row(values + n * K, from + n, K, static_cast<uint8_t*>(blocks));
      if (odd < 0) continue;
      long before = first;
      while (n * K + odd < before && !first.compare_exchange_weak(before, n * K + odd)) {
      }
      return;
    }
  });
  return first == rows * K ? -1 : static_cast<int64_t>(first);
}
WINNOW_API void winnow_blocks_widen(const void* blocks, int64_t K, int64_t from, int64_t rows, float* to) {
  const auto* at = static_cast<const uint8_t*>(blocks);
  const long parts = std::clamp<long>(rows * K / (1 << 16), 1, 8 * threads());
  parallel(parts, [&](long p) {
    for (long n = part_begin(rows, parts, p); n < part_begin(rows, parts, p + 1); n++)
      decode::blocks_row(at, from + n, K, to + n * K);
  });
}
