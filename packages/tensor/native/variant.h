// A variant of the library: its vector width, and the few vector operations that all parts use.
//
// A variant is chosen by compiler flags and one define (WINNOW_PORTABLE, WINNOW_AVX2, WINNOW_AVX512, with WINNOW_BF16
// and WINNOW_AMX on top); one shared object has one variant. All code uses the vector types of GCC and Clang, so that a
// part has one source for all of them; only this file and the micro-kernels of gemm.h have intrinsics.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#if defined(WINNOW_AVX2) || defined(WINNOW_AVX512)
#include <immintrin.h>
#endif

#define WINNOW_API extern "C" __attribute__((visibility("default")))

namespace winnow {

#if defined(WINNOW_AVX512)
constexpr int LANES = 16;
#elif defined(WINNOW_AVX2)
constexpr int LANES = 8;
#else
constexpr int LANES = 4;
#endif

typedef float vf __attribute__((vector_size(LANES * 4)));
typedef int32_t vi __attribute__((vector_size(LANES * 4)));
typedef uint32_t vu __attribute__((vector_size(LANES * 4)));
typedef float vf_unaligned __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef uint32_t vu_unaligned __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

static inline vf load(const float* p) { return *reinterpret_cast<const vf_unaligned*>(p); }
static inline void store(float* p, vf x) { *reinterpret_cast<vf_unaligned*>(p) = x; }
static inline vu load_units(const uint32_t* p) { return *reinterpret_cast<const vu_unaligned*>(p); }
static inline void store_units(uint32_t* p, vu x) { *reinterpret_cast<vu_unaligned*>(p) = x; }

static inline vf splat(float x) {
#if defined(WINNOW_AVX512)
  return (vf)_mm512_set1_ps(x);
#elif defined(WINNOW_AVX2)
  return (vf)_mm256_set1_ps(x);
#else
  return vf{x, x, x, x};
#endif
}
static inline vf zero() { return vf{}; }

// The first n lanes (n may be 0 or more than LANES); the others are `rest`.
static inline vf load_partial(const float* p, long n, float rest = 0) {
  if (n >= LANES) return load(p);
  vf x = splat(rest);
  for (long i = 0; i < n; i++) x[i] = p[i];
  return x;
}
static inline void store_partial(float* p, vf x, long n) {
  if (n >= LANES) return store(p, x);
  for (long i = 0; i < n; i++) p[i] = x[i];
}

// Per lane: a where mask is -1, b where it is 0. Comparisons give such masks.
static inline vf select(vi mask, vf a, vf b) { return mask ? a : b; }

// Bit i is set where lane i of a mask is.
static inline unsigned mask_bits(vi mask) {
#if defined(WINNOW_AVX512)
  return _mm512_movepi32_mask((__m512i)mask);
#elif defined(WINNOW_AVX2)
  return static_cast<unsigned>(_mm256_movemask_ps((__m256)mask));
#else
  unsigned bits = 0;
  for (int i = 0; i < LANES; i++) bits |= (mask[i] != 0 ? 1u : 0u) << i;
  return bits;
#endif
}

// a > b ? a : b, so b where either is NaN: put the operand that may be NaN second.
static inline vf vmax(vf a, vf b) {
#if defined(WINNOW_AVX512)
  return (vf)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(WINNOW_AVX2)
  return (vf)_mm256_max_ps((__m256)a, (__m256)b);
#else
  return a > b ? a : b;
#endif
}
static inline vf vmin(vf a, vf b) {
#if defined(WINNOW_AVX512)
  return (vf)_mm512_min_ps((__m512)a, (__m512)b);
#elif defined(WINNOW_AVX2)
  return (vf)_mm256_min_ps((__m256)a, (__m256)b);
#else
  return a < b ? a : b;
#endif
}
static inline vf vsqrt(vf x) {
#if defined(WINNOW_AVX512)
  return (vf)_mm512_sqrt_ps((__m512)x);
#elif defined(WINNOW_AVX2)
  return (vf)_mm256_sqrt_ps((__m256)x);
#else
  for (int i = 0; i < LANES; i++) x[i] = std::sqrt(x[i]);
  return x;
#endif
}

static inline float reduce_add(vf x) {
#if defined(WINNOW_AVX512)
  return _mm512_reduce_add_ps((__m512)x);
#else
  for (int step = LANES / 2; step > 0; step /= 2)
    for (int i = 0; i < step; i++) x[i] += x[i + step];
  return x[0];
#endif
}
static inline float reduce_max(vf x) {
  float m = x[0];
  for (int i = 1; i < LANES; i++) m = m > x[i] ? m : x[i];
  return m;
}

// exp(x), relative error below 2e-7 from -87.3 to 88.3; beyond them the values at these ends (1.2e-38, 2.2e38); NaN
// stays.
static inline vf vexp(vf x) {
  x = vmax(splat(-87.336f), vmin(splat(88.3f), x));
  const vf shift = splat(12582912.f);  // 1.5 * 2^23: adding and subtracting it rounds to whole numbers.
  const vf n = (x * splat(1.44269504088896341f) + shift) - shift;
  const vf r = (x - n * splat(0.693359375f)) - n * splat(-2.12194440e-4f);
  vf p = splat(1.9875691500e-4f);
  p = p * r + splat(1.3981999507e-3f);
  p = p * r + splat(8.3334519073e-3f);
  p = p * r + splat(4.1665795894e-2f);
  p = p * r + splat(1.6666665459e-1f);
  p = p * r + splat(5.0000001201e-1f);
  p = (p * r) * r + r + splat(1.f);
#if defined(WINNOW_AVX512)
  return (vf)_mm512_scalef_ps((__m512)p, (__m512)n);
#else
  const vi e = (__builtin_convertvector(n, vi) + 127) << 23;
  return p * (vf)e;
#endif
}

// The nearest bfloat16, ties to even, in the low half of each lane. NaN stays NaN.
static inline vu to_bf16(vf x) {
  const vu u = (vu)x;
  const vu rounded = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
  const vu quiet = (u >> 16) | 0x40u;
  return (vu)(x != x ? (vi)quiet : (vi)rounded);
}
static inline uint16_t to_bf16(float x) {
  uint32_t u;
  std::memcpy(&u, &x, 4);
  if (x != x) return static_cast<uint16_t>((u >> 16) | 0x40u);
  return static_cast<uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
}
static inline float from_bf16(uint16_t x) {
  const uint32_t u = static_cast<uint32_t>(x) << 16;
  float f;
  std::memcpy(&f, &u, 4);
  return f;
}
// LANES floats as LANES consecutive bfloat16.
static inline void store_bf16(uint16_t* p, vf x) {
#if defined(WINNOW_BF16)
  const __m256i b = (__m256i)_mm512_cvtneps_pbh((__m512)x);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), b);
#elif defined(WINNOW_AVX512)
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16((__m512i)to_bf16(x)));
#else
  const vu b = to_bf16(x);
  for (int i = 0; i < LANES; i++) p[i] = static_cast<uint16_t>(b[i]);
#endif
}
static inline vf load_bf16(const uint16_t* p) {
#if defined(WINNOW_AVX512)
  const __m512i u = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  return (vf)_mm512_slli_epi32(u, 16);
#else
  vu u;
  for (int i = 0; i < LANES; i++) u[i] = static_cast<uint32_t>(p[i]) << 16;
  return (vf)u;
#endif
}

// STREAM: past the caches, for memory that is read much later; the destination lies at multiples of a vector.
enum class Write { CACHED, STREAM };

// [LANES, LANES] numbers, transposed; rows are from_ld and to_ld apart.
static inline void transpose(const float* from, long from_ld, float* to, long to_ld, Write write) {
#if defined(WINNOW_AVX512)
  __m512 r[16], t[16];
  for (int i = 0; i < 16; i++) r[i] = _mm512_loadu_ps(from + i * from_ld);
  for (int i = 0; i < 8; i++) {
    t[2 * i] = _mm512_unpacklo_ps(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i], r[2 * i + 1]);
  }
  for (int i = 0; i < 4; i++) {
    r[4 * i] = _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(t[4 * i]), _mm512_castps_pd(t[4 * i + 2])));
    r[4 * i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(t[4 * i]), _mm512_castps_pd(t[4 * i + 2])));
    r[4 * i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(t[4 * i + 1]), _mm512_castps_pd(t[4 * i + 3])));
    r[4 * i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(t[4 * i + 1]), _mm512_castps_pd(t[4 * i + 3])));
  }
  for (int i = 0; i < 4; i++) {
    t[i] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0xdd);
  }
  for (int i = 0; i < 4; i++) {
    r[i] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0x88);
    r[i + 8] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0xdd);
    r[i + 4] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0x88);
    r[i + 12] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0xdd);
  }
  for (int i = 0; i < 16; i++) {
    if (write == Write::STREAM) _mm512_stream_ps(to + i * to_ld, r[i]);
    else _mm512_storeu_ps(to + i * to_ld, r[i]);
  }
#else
  (void)write;
  for (int i = 0; i < LANES; i++)
    for (int k = 0; k < LANES; k++) to[k * to_ld + i] = from[i * from_ld + k];
#endif
}
// After it other threads see what was streamed.
static inline void stream_fence() {
#if defined(WINNOW_AVX512)
  _mm_sfence();
#endif
}

// Halves: bfloat16 in the layout of a file, [N, K] with K a multiple of 32. The lowest bit of an address marks them, where
// either they or float32 may lie.
constexpr uintptr_t HALVES = 1;
// The halves of an address; null where it is of float32.
inline const uint16_t* halves_at(const float* at) {
  const uintptr_t bits = reinterpret_cast<uintptr_t>(at);
  return bits & HALVES ? reinterpret_cast<const uint16_t*>(bits - HALVES) : nullptr;
}
// Blocks: 8 bits with shared scales (decode-blocks.h). The second bit of an address marks them.
constexpr uintptr_t BLOCKS = 2;
inline const uint8_t* blocks_at(const float* at) {
  const uintptr_t bits = reinterpret_cast<uintptr_t>(at);
  return bits & BLOCKS ? reinterpret_cast<const uint8_t*>(bits - BLOCKS) : nullptr;
}
// n halves as float32; n is a multiple of LANES.
inline void widen(const uint16_t* from, long n, float* to) {
  for (long i = 0; i < n; i += LANES) store(to + i, load_bf16(from + i));
}

}  // namespace winnow
