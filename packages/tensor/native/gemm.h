// Matrix products: operands packed into the order of the registers, and the micro-kernels that multiply them.
//
// A product of a strip of A and a panel of B fills a tile of C of ROWS x COLS, all of it in registers:
//   A strip: "by rows" with k contiguous, like weights [V, d] and activations [N, d] in memory, or "by k" with rows contiguous, like
//     their transposes. float32: used in place. bfloat16: rounded into a copy; AMX multiplies strips by rows only.
//   B panel: COLS columns side by side, for each unit of k one row of COLS: the lanes of the vectors.
// A unit is 32 bits: one float32, or two bfloat16 that follow each other in k.
//
// "bfloat16" means: operands rounded to nearest even, products summed in float32. Without instructions for it the
// rounded operands are multiplied in float32: the same numbers up to the order of sums, at half the speed of float32.
//
// Letters: C [M, N] = A [M, K] . B [K, N].
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

#include "variant.h"
#if defined(WINNOW_AMX)
#include "amx.h"
#endif

namespace winnow {

enum class Precision : int { F32 = 0, BF16 = 1 };

constexpr int COLS = 2 * LANES;
#if defined(WINNOW_AVX512)
constexpr int ROWS = 12;  // 24 accumulators, two columns' vectors, and room for the compiler: of 32 registers.
#else
constexpr int ROWS = 6;
#endif

// Memory that starts at a cache line; it grows, never shrinks, and is freed with its owner.
class Buffer {
 public:
  ~Buffer() { std::free(p_); }
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  void* bytes(size_t n) {
    if (n > size_) {
      std::free(p_);
      size_ = (n + 4095) / 4096 * 4096;
      p_ = std::aligned_alloc(64, size_);
      if (p_ == nullptr) {
        size_ = 0;
        throw std::bad_alloc();
      }
    }
    return p_;
  }
  template <class T>
  T* of(size_t n) {
    return static_cast<T*>(bytes((n ? n : 1) * sizeof(T)));
  }
  void release() {
    std::free(p_);
    p_ = nullptr;
    size_ = 0;
  }

 private:
  void* p_ = nullptr;
  size_t size_ = 0;
};

struct F32 {
  typedef float unit;
  static constexpr int PER = 1;       // Elements of k in a unit.
  static constexpr int K_UNITS = 1;   // Units are padded to a multiple of this.
  static constexpr int ROW_TILE = ROWS;  // Most rows of A in one micro-kernel.
  static constexpr int ROW_PAD = 1;   // Rows of A must be readable up to a multiple of this.
  static constexpr Precision precision = Precision::F32;
};

struct BF16 {
  typedef uint32_t unit;
  static constexpr int PER = 2;
#if defined(WINNOW_AMX)
  static constexpr int K_UNITS = 16;
  static constexpr int ROW_TILE = 32;
  static constexpr int ROW_PAD = 32;
#else
  static constexpr int K_UNITS = 1;
  static constexpr int ROW_TILE = ROWS;
  static constexpr int ROW_PAD = 1;
#endif
  static constexpr Precision precision = Precision::BF16;
};

static inline long round_up(long n, long to) { return (n + to - 1) / to * to; }

// Units for k elements, padding included: a row of a packed A, and the rows of a panel of B.
template <class P>
inline long units(long k) {
  return round_up((k + P::PER - 1) / P::PER, P::K_UNITS);
}
// Units of one panel.
template <class P>
inline long panel_size(long k) {
  return units<P>(k) * COLS;
}
inline long panels(long n) { return (n + COLS - 1) / COLS; }

// ---- A ----

// Rows of k contiguous elements, `ld` apart, to packed rows of units<P>(k), the padding of k zero.
template <class P>
inline void pack_rows(const float* a, long ld, long rows, long k, typename P::unit* out) {
  const long u = units<P>(k);
  for (long r = 0; r < rows; r++) {
    const float* x = a + r * ld;
    if constexpr (P::PER == 1) {
      float* y = out + r * u;
      std::memcpy(y, x, static_cast<size_t>(k) * 4);
      for (long i = k; i < u; i++) y[i] = 0;
    } else {
      uint16_t* y = reinterpret_cast<uint16_t*>(out + r * u);
      long i = 0;
      for (; i + LANES <= k; i += LANES) store_bf16(y + i, load(x + i));
      for (; i < k; i++) y[i] = to_bf16(x[i]);
      for (; i < 2 * u; i++) y[i] = 0;
    }
  }
}

// The same for a transposed source: row r has elements a[i * ld + r], i = 0 .. k - 1.
template <class P>
inline void pack_rows_transposed(const float* a, long ld, long rows, long k, typename P::unit* out) {
  const long u = units<P>(k);
  constexpr long BLOCK = 16;  // A cache line of sources, and as many destinations.
  for (long r0 = 0; r0 < rows; r0 += BLOCK) {
    const long r1 = r0 + BLOCK < rows ? r0 + BLOCK : rows;
    for (long i = 0; i < k; i++)
      for (long r = r0; r < r1; r++) {
        if constexpr (P::PER == 1) out[r * u + i] = a[i * ld + r];
        else reinterpret_cast<uint16_t*>(out + r * u)[i] = to_bf16(a[i * ld + r]);
      }
    for (long r = r0; r < r1; r++) {
      if constexpr (P::PER == 1) for (long i = k; i < u; i++) out[r * u + i] = 0;
      else for (long i = k; i < 2 * u; i++) reinterpret_cast<uint16_t*>(out + r * u)[i] = 0;
    }
  }
}

// Two vectors of elements k and k + 1 as one vector of units.
static inline vu pair_bf16(vf even, vf odd) {
#if defined(WINNOW_BF16)
  const __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh((__m512)even));
  const __m512i high = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh((__m512)odd));
  return (vu)_mm512_or_si512(low, _mm512_slli_epi32(high, 16));
#else
  return to_bf16(even) | (to_bf16(odd) << 16);
#endif
}

// Layout of a strip of A: element (r, i), in units, is at r * ld + i by rows, at i * ld + r by k.
enum class Order { ROWS, K };

// The order in which a transposed A, [k, rows] in memory, is multiplied: unchanged, except for AMX.
template <class P>
constexpr Order transposed_order() {
  return P::K_UNITS == 1 ? Order::K : Order::ROWS;
}
// Units of a packed transposed A, and their distance `ld`.
template <class P>
inline long transposed_ld(long rows, long k) {
  return transposed_order<P>() == Order::K ? rows : units<P>(k);
}
template <class P>
inline long transposed_size(long rows, long k) {
  return transposed_order<P>() == Order::K ? units<P>(k) * rows : round_up(rows, P::ROW_PAD) * units<P>(k);
}
// Packs [k, rows], its rows of memory `ld` apart, for `transposed_order`.
template <class P>
inline void pack_transposed(const float* a, long ld, long rows, long k, typename P::unit* out) {
  if constexpr (transposed_order<P>() == Order::ROWS) {
    pack_rows_transposed<P>(a, ld, rows, k, out);
  } else if constexpr (P::PER == 1) {
    for (long i = 0; i < k; i++) std::memcpy(out + i * rows, a + i * ld, static_cast<size_t>(rows) * 4);
  } else {
    for (long i = 0; i < k; i += 2) {
      const float *even = a + i * ld, *odd = even + ld;
      uint32_t* y = out + i / 2 * rows;
      const bool both = i + 1 < k;
      long r = 0;
      for (; r + LANES <= rows; r += LANES) store_units(y + r, pair_bf16(load(even + r), both ? load(odd + r) : zero()));
      for (; r < rows; r++) y[r] = to_bf16(even[r]) | (both ? static_cast<uint32_t>(to_bf16(odd[r])) << 16 : 0u);
    }
  }
}

// ---- B ----

static inline float as_float(float x) { return x; }
static inline float as_float(uint16_t x) { return from_bf16(x); }
static inline uint16_t as_half(float x) { return to_bf16(x); }
static inline uint16_t as_half(uint16_t x) { return x; }

// A panel from rows of float32 or halves: column c has elements b[c * ld + i], i = 0 .. k - 1 (weights [N, K], hidden states
// [tokens, d]).
template <class P, class E>
inline void pack_panel_rows(const E* b, long ld, long cols, long k, typename P::unit* panel) {
  const long u = units<P>(k);
  for (long c = 0; c < cols; c++) {
    const E* x = b + c * ld;
    if constexpr (P::PER == 1) {
      for (long i = 0; i < k; i++) panel[i * COLS + c] = as_float(x[i]);
    } else {
      long i = 0;
      for (; i + 2 <= k; i += 2)
        panel[i / 2 * COLS + c] = as_half(x[i]) | static_cast<uint32_t>(as_half(x[i + 1])) << 16;
      if (i < k) panel[i / 2 * COLS + c] = as_half(x[i]);
    }
  }
  for (long i = (k + P::PER - 1) / P::PER; i < u; i++)
    for (long c = 0; c < cols; c++) panel[i * COLS + c] = 0;
  for (long i = 0; i < u; i++)
    for (long c = cols; c < COLS; c++) panel[i * COLS + c] = 0;
}

// A panel from columns: column c has elements b[i * ld + c], i = 0 .. k - 1 (B row-major).
template <class P>
inline void pack_panel_cols(const float* b, long ld, long cols, long k, typename P::unit* panel) {
  const long u = units<P>(k);
  const long n1 = cols < LANES ? cols : LANES;
  const long n2 = cols - n1;
  for (long i = 0; i < u; i++) {
    if constexpr (P::PER == 1) {
      const bool in = i < k;
      store(panel + i * COLS, in ? load_partial(b + i * ld, n1) : zero());
      store(panel + i * COLS + LANES, in ? load_partial(b + i * ld + n1, n2) : zero());
    } else {
      const long e = 2 * i;
      const float* x = b + e * ld;
      const vf z = zero();
      const vf a1 = e < k ? load_partial(x, n1) : z, b1 = e + 1 < k ? load_partial(x + ld, n1) : z;
      const vf a2 = e < k ? load_partial(x + n1, n2) : z, b2 = e + 1 < k ? load_partial(x + ld + n1, n2) : z;
      store_units(panel + i * COLS, pair_bf16(a1, b1));
      store_units(panel + i * COLS + LANES, pair_bf16(a2, b2));
    }
  }
}

// ---- micro-kernels: a tile of `rows` x COLS, written to c [rows, ldc], or added to it ----

template <class P>
struct Multiply;

template <>
struct Multiply<F32> {
  typedef vf operand;
  static inline vf load_b(const float* b) { return load(b); }
  static inline void add(vf& c0, vf& c1, const float* a, vf b0, vf b1) {
    const vf x = splat(*a);
    c0 += x * b0;
    c1 += x * b1;
  }
};

template <>
struct Multiply<BF16> {
  typedef vu operand;
  static inline vu load_b(const uint32_t* b) { return load_units(b); }
  static inline void add(vf& c0, vf& c1, const uint32_t* a, vu b0, vu b1) {
#if defined(WINNOW_BF16)
    const __m512bh x = (__m512bh)_mm512_set1_epi32(static_cast<int>(*a));
    c0 = (vf)_mm512_dpbf16_ps((__m512)c0, x, (__m512bh)b0);
    c1 = (vf)_mm512_dpbf16_ps((__m512)c1, x, (__m512bh)b1);
#else
    const uint32_t lo = *a << 16, hi = *a & 0xffff0000u;
    float x0, x1;
    std::memcpy(&x0, &lo, 4);
    std::memcpy(&x1, &hi, 4);
    const vf low = splat(x0), high = splat(x1);
    c0 += low * (vf)(b0 << 16);
    c0 += high * (vf)(b0 & 0xffff0000u);
    c1 += low * (vf)(b1 << 16);
    c1 += high * (vf)(b1 & 0xffff0000u);
#endif
  }
};

template <class P, int R, Order O>
static inline void tile(long u, const typename P::unit* a, long lda, const typename P::unit* b, float* c, long ldc, bool accumulate) {
  vf c0[R], c1[R];
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) c0[r] = c1[r] = zero();
  for (long i = 0; i < u; i++) {
    const typename Multiply<P>::operand b0 = Multiply<P>::load_b(b + i * COLS), b1 = Multiply<P>::load_b(b + i * COLS + LANES);
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) Multiply<P>::add(c0[r], c1[r], O == Order::ROWS ? a + r * lda + i : a + i * lda + r, b0, b1);
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
    float* row = c + r * ldc;
    if (accumulate) {
      c0[r] += load(row);
      c1[r] += load(row + LANES);
    }
    store(row, c0[r]);
    store(row + LANES, c1[r]);
  }
}

// A tile of rows <= P::ROW_TILE times COLS; c must have room for COLS columns.
// lda is in units; a is readable for round_up(rows, P::ROW_PAD) rows.
template <class P, Order O = Order::ROWS>
static inline void micro(int rows, long u, const typename P::unit* a, long lda, const typename P::unit* b, float* c, long ldc, bool accumulate) {
#if defined(WINNOW_AMX)
  static_assert(P::PER == 1 || O == Order::ROWS, "AMX takes rows");
  if constexpr (P::PER == 2) return amx_tile(rows, u, a, lda, b, c, ldc, accumulate);
#endif
  switch (rows) {
#define WINNOW_CASE(R) \
  case R:              \
    return tile<P, R, O>(u, a, lda, b, c, ldc, accumulate);
    WINNOW_CASE(1)
    WINNOW_CASE(2)
    WINNOW_CASE(3)
    WINNOW_CASE(4)
    WINNOW_CASE(5)
    WINNOW_CASE(6)
#if defined(WINNOW_AVX512)
    WINNOW_CASE(7)
    WINNOW_CASE(8)
    WINNOW_CASE(9)
    WINNOW_CASE(10)
    WINNOW_CASE(11)
    WINNOW_CASE(12)
#endif
#undef WINNOW_CASE
  }
}

// Any number of rows by one panel.
template <class P, Order O = Order::ROWS>
static inline void strip(long rows, long u, const typename P::unit* a, long lda, const typename P::unit* b, float* c, long ldc, bool accumulate) {
  for (long r = 0; r < rows; r += P::ROW_TILE) {
    const long n = rows - r < P::ROW_TILE ? rows - r : P::ROW_TILE;
    micro<P, O>(static_cast<int>(n), u, O == Order::ROWS ? a + r * lda : a + r, lda, b, c + r * ldc, ldc, accumulate);
  }
}

// C = op(A) op(B) (+ C) (+ bias), everything row-major float32 in memory; on all threads. The order of sums depends
// only on the sizes, not on the threads. A is [M, K] with rows lda apart, or with trans_a [K, M]; B is [K, N], or with
// trans_b [N, K], of float32 or halves (`halves_at`); bias [N] or null. C shares no memory with the others. With K = 0 the product is 0.
void gemm(Precision precision, long M, long N, long K, const float* A, long lda, bool trans_a, const float* B, long ldb, bool trans_b,
          float* C, long ldc, bool accumulate, const float* bias);

}  // namespace winnow
