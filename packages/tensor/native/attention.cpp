// The lanes of the score blocks are keys. Keys (and for the gradient values) are transposed once for each head into
// panels of PANEL keys; everything else is used in its order in memory, so that one micro-kernel serves all products.
#include "attention.h"

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

#include <algorithm>
#include <limits>

#include "gemm.h"
#include "rows.h"
#include "soft-cap.h"

namespace winnow {
namespace {

// Vectors of columns in a micro-kernel; with four rows of them the registers still have room for operands.
#if defined(WINNOW_AVX512)
constexpr int WIDTH = 4;
#else
constexpr int WIDTH = 2;
#endif
constexpr long PANEL = WIDTH * LANES;  // Keys of a panel.
constexpr long ROWS_FORWARD = 16;      // Queries of a block: few, so that little beyond the diagonal is computed.
constexpr long KEYS_FORWARD = 256;     // Keys of a block: scores of a block are 16 KB.
constexpr long ROWS_BACKWARD = 32;     // More queries, as each block adds to the gradients of all its keys.
constexpr long KEYS_BACKWARD = 128;    // Two blocks of scores, 32 KB.
constexpr long STEP = 16;              // Rows of a block of the gradient that end at one key.
static_assert(KEYS_FORWARD % PANEL == 0 && KEYS_BACKWARD % PANEL == 0, "blocks are whole panels");

// C [R, W vectors] = A [R, K] B [K, W vectors], added to C if `add`; element (r, k) of A at a[r * ar + k * ak].
template <int R, int W>
inline void tile(long K, const float* a, long ar, long ak, const float* b, long ldb, float* c, long ldc, bool add) {
  vf sum[R][W];
#pragma GCC unroll 16
  for (int r = 0; r < R; r++)
#pragma GCC unroll 4
    for (int w = 0; w < W; w++) sum[r][w] = add ? load(c + r * ldc + w * LANES) : zero();
  for (long k = 0; k < K; k++) {
    vf row[W];
#pragma GCC unroll 4
    for (int w = 0; w < W; w++) row[w] = load(b + k * ldb + w * LANES);
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) {
      const vf x = splat(a[r * ar + k * ak]);
#pragma GCC unroll 4
      for (int w = 0; w < W; w++) sum[r][w] += x * row[w];
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; r++)
#pragma GCC unroll 4
    for (int w = 0; w < W; w++) store(c + r * ldc + w * LANES, sum[r][w]);
}

template <int R, int W>
inline void tiles(long M, long K, const float* a, long ar, long ak, const float* b, long ldb, float* c, long ldc, bool add) {
  long m = 0;
  for (; m + R <= M; m += R) tile<R, W>(K, a + m * ar, ar, ak, b, ldb, c + m * ldc, ldc, add);
  for (; m < M; m++) tile<1, W>(K, a + m * ar, ar, ak, b, ldb, c + m * ldc, ldc, add);
}

// M rows, `vectors` vectors of columns.
void multiply(long M, long vectors, long K, const float* a, long ar, long ak, const float* b, long ldb, float* c, long ldc, bool add) {
  for (long v = 0; v < vectors; v += WIDTH, b += PANEL, c += PANEL) switch (std::min<long>(WIDTH, vectors - v)) {
      case 1: tiles<8, 1>(M, K, a, ar, ak, b, ldb, c, ldc, add); break;
#if defined(WINNOW_AVX512)
      case 2: tiles<8, 2>(M, K, a, ar, ak, b, ldb, c, ldc, add); break;
      case 3: tiles<4, 3>(M, K, a, ar, ak, b, ldb, c, ldc, add); break;
      default: tiles<4, 4>(M, K, a, ar, ak, b, ldb, c, ldc, add);
#else
      default: tiles<4, 2>(M, K, a, ar, ak, b, ldb, c, ldc, add);
#endif
    }
}

inline float max_of(vf x) {
#if defined(WINNOW_AVX512)
  return _mm512_reduce_max_ps((__m512)x);
#else
  return reduce_max(x);
#endif
}

// The floats at p, four at once: the rotated part of a head is often shorter than a vector.
struct Four {
  typedef float v4 __attribute__((vector_size(16)));
  static v4 get(const float* p) {
    v4 x;
    std::memcpy(&x, p, sizeof x);
    return x;
  }
  static void set(float* p, v4 x) { std::memcpy(p, &x, sizeof x); }
};
struct One {
  static float get(const float* p) { return *p; }
  static void set(float* p, float x) { *p = x; }
};

// f(unit, j) for j below n, by fours while there are four.
template <class F>
inline void each_four(long n, F&& f) {
  long j = 0;
  for (; j + 4 <= n; j += 4) f(Four(), j);
  for (; j < n; j++) f(One(), j);
}

const float* lane_numbers() {
  alignas(64) static const float numbers[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return numbers;
}

constexpr float LOWEST = -std::numeric_limits<float>::infinity();

// The layout in memory, and the constants of a head.
struct Layout {
  const WinnowAttention& s;
  const float *packed, *cos, *sin;
  const int32_t* start;
  long T, h, H, rotated, row, panels;  // H: h in whole vectors; row: floats of a packed row
  SoftCap cap;

  Layout(const WinnowAttention& sizes, const float* packed, const float* cos, const float* sin, const int32_t* start)
      : s(sizes), packed(packed), cos(cos), sin(sin), start(start), T(s.T), h(s.h), H(round_up(h, LANES)), rotated(s.rotated),
        row((s.Q + 2L * s.G) * h), panels((T + PANEL - 1) / PANEL), cap(sizes.cap) {}

  long query(long head) const { return s.by_head ? 3 * head * h : head * h; }
  long key(long group) const { return s.by_head ? (3 * group + 1) * h : (s.Q + group) * h; }
  long value(long group) const { return s.by_head ? (3 * group + 2) * h : (s.Q + s.G + group) * h; }
  // The first position that position t of sequence b attends to; at most t + 1, for padding.
  long first(long b, long t) const { return start == nullptr ? 0 : std::clamp<long>(start[b * T + t], 0, t + 1); }
  // The smallest `first` over a block of rows; beyond the last row if all are padding.
  long first_of(long b, long from, long to) const {
    long least = to;
    for (long t = from; t < to; t++) {
      const long f = first(b, t);
      if (f <= t) least = std::min(least, f);
    }
    return least;
  }
  const float* table(const float* of, long b, long t) const { return of + (s.tables_by_row ? b * T + t : t) * h; }

  // out [H] = the rotated head at x, padded with zeros.
  void rotate(const float* __restrict x, long b, long t, float* __restrict out) const {
    const float *c = table(cos, b, t), *n = table(sin, b, t);
    const long half = rotated / 2;
    each_vector(0, h, [&](long j, long count) { store_partial(out + j, load_partial(x + j, count) * load_partial(c + j, count), count); });
    each_four(half, [&](auto u, long j) {
      u.set(out + j, u.get(out + j) - u.get(x + j + half) * u.get(n + j));
      u.set(out + j + half, u.get(out + j + half) + u.get(x + j) * u.get(n + j + half));
    });
    for (long j = h; j < H; j++) out[j] = 0;
  }
  // The gradient by x, given that by the rotated head.
  void rotate_back(const float* __restrict d, long b, long t, float* __restrict dx) const {
    const float *c = table(cos, b, t), *n = table(sin, b, t);
    const long half = rotated / 2;
    each_vector(0, h, [&](long j, long count) { store_partial(dx + j, load_partial(d + j, count) * load_partial(c + j, count), count); });
    each_four(half, [&](auto u, long j) {
      u.set(dx + j, u.get(dx + j) + u.get(d + j + half) * u.get(n + j + half));
      u.set(dx + j + half, u.get(dx + j + half) - u.get(d + j) * u.get(n + j));
    });
  }
  void copy(const float* x, float* out) const {
    std::memcpy(out, x, static_cast<size_t>(h) * 4);
    for (long j = h; j < H; j++) out[j] = 0;
  }
};

// Rows [T, H] to panels: panel p has entry j of key p PANEL + i at [j][i]; keys beyond T are zero.
void to_panels(const Layout& at, const float* rows, float* panels) {
  for (long p = 0; p < at.panels; p++, panels += at.h * PANEL) {
    const long keys = std::min(PANEL, at.T - p * PANEL);
    const float* from = rows + p * PANEL * at.H;
    long whole = 0, entries = 0;
#if defined(__SSE__)
    // Squares of four by four in registers.
    whole = keys / 4 * 4;
    entries = at.h / 4 * 4;
    for (long i = 0; i < whole; i += 4)
      for (long j = 0; j < entries; j += 4) {
        const float* x = from + i * at.H + j;
        __m128 a = _mm_loadu_ps(x), b = _mm_loadu_ps(x + at.H), c = _mm_loadu_ps(x + 2 * at.H), d = _mm_loadu_ps(x + 3 * at.H);
        _MM_TRANSPOSE4_PS(a, b, c, d);
        float* y = panels + j * PANEL + i;
        _mm_storeu_ps(y, a);
        _mm_storeu_ps(y + PANEL, b);
        _mm_storeu_ps(y + 2 * PANEL, c);
        _mm_storeu_ps(y + 3 * PANEL, d);
      }
#endif
    for (long j = 0; j < at.h; j++) {
      for (long i = j < entries ? whole : 0; i < keys; i++) panels[j * PANEL + i] = from[i * at.H + j];
      for (long i = keys; i < PANEL; i++) panels[j * PANEL + i] = 0;
    }
  }
}

// x [rows, vectors] times the panels from key k0 (a multiple of PANEL) on.
void scores(const Layout& at, long rows, long vectors, const float* x, const float* panels, long k0, float* out, long ld) {
  const float* panel = panels + k0 * at.h;
  for (long v = 0; v < vectors; v += WIDTH, panel += at.h * PANEL)
    multiply(rows, std::min<long>(WIDTH, vectors - v), at.h, x, at.H, 1, panel, PANEL, out + v * LANES, ld, false);
}

// The mask of the keys from `lo` to `hi` among keys k .. k + LANES - 1.
inline vi inside(long k, long lo, long hi) {
  const vf key = load(lane_numbers()) + splat(static_cast<float>(k));
  return (key >= splat(static_cast<float>(lo))) & (key <= splat(static_cast<float>(hi)));
}

struct Softmax {
  float max = LOWEST, sum = 0;
};

// One row of scores of keys k0 .. to weights exp(score - max), zero outside lo .. hi. Returns the factor on the context
// so far, since the maximum may have grown.
float weigh(float* x, long vectors, long k0, long lo, long hi, const SoftCap& cap, Softmax& row) {
  const long first = std::max(0L, (lo - k0) / LANES), last = hi < k0 ? 0 : std::min(vectors, (hi - k0) / LANES + 1);
  cap.apply(x + first * LANES, (last - first) * LANES);
  vf top = splat(LOWEST);
  for (long v = first; v < last; v++) {
    const long k = k0 + v * LANES;
    vf z = load(x + v * LANES);
    if (k < lo || k + LANES - 1 > hi) {
      z = select(inside(k, lo, hi), z, splat(LOWEST));
      store(x + v * LANES, z);
    }
    top = vmax(z, top);
  }
  const float before = row.max;
  const float max = std::max(before, max_of(top));
  for (long v = 0; v < std::min(first, vectors); v++) store(x + v * LANES, zero());
  for (long v = std::max(last, 0L); v < vectors; v++) store(x + v * LANES, zero());
  if (first >= last) return 1;
  const vf shift = splat(max == LOWEST ? 0.f : max);
  vf sum = zero();
  for (long v = first; v < last; v++) {
    const long k = k0 + v * LANES;
    vf e = vexp(load(x + v * LANES) - shift);
    // exp never gives 0, so masked entries are set to it.
    if (k < lo || k + LANES - 1 > hi) e = select(inside(k, lo, hi), e, zero());
    sum += e;
    store(x + v * LANES, e);
  }
  const float scale = before == max ? 1.f : before == LOWEST ? 0.f : std::exp(before - max);
  row.max = max;
  row.sum = row.sum * scale + reduce_add(sum);
  return scale;
}

void forward_head(const Layout& at, long b, long head, float* out, float* lse) {
  static thread_local Buffer memory;
  const long T = at.T, h = at.h, H = at.H, Q = at.s.Q, group = head / (Q / at.s.G);
  const long padded = at.panels * PANEL;
  float* keys = memory.of<float>(static_cast<size_t>(padded * (2 * H + h) + ROWS_FORWARD * (2 * H + KEYS_FORWARD)));
  float *values = keys + padded * H, *key_panels = values + padded * H;
  float *q = key_panels + padded * h, *context = q + ROWS_FORWARD * H, *weights = context + ROWS_FORWARD * H;
  for (long t = 0; t < T; t++) {
    const float* x = at.packed + (b * T + t) * at.row;
    at.rotate(x + at.key(group), b, t, keys + t * H);
    at.copy(x + at.value(group), values + t * H);
  }
  to_panels(at, keys, key_panels);
  Softmax rows[ROWS_FORWARD];
  for (long q0 = 0; q0 < T; q0 += ROWS_FORWARD) {
    const long n = std::min(ROWS_FORWARD, T - q0);
    for (long r = 0; r < n; r++) {
      at.rotate(at.packed + (b * T + q0 + r) * at.row + at.query(head), b, q0 + r, q + r * H);
      rows[r] = Softmax();
    }
    std::memset(context, 0, static_cast<size_t>(n * H) * 4);
    const long end = q0 + n;
    for (long k0 = at.first_of(b, q0, end) / PANEL * PANEL; k0 < end; k0 += KEYS_FORWARD) {
      const long count = std::min(KEYS_FORWARD, end - k0), vectors = (count + LANES - 1) / LANES;
      scores(at, n, vectors, q, key_panels, k0, weights, KEYS_FORWARD);
      for (long r = 0; r < n; r++) {
        const float scale = weigh(weights + r * KEYS_FORWARD, vectors, k0, at.first(b, q0 + r), q0 + r, at.cap, rows[r]);
        if (scale != 1) for (long j = 0; j < H; j += LANES) store(context + r * H + j, load(context + r * H + j) * splat(scale));
      }
      multiply(n, H / LANES, count, weights, KEYS_FORWARD, 1, values + k0 * H, H, context, H, true);
    }
    for (long r = 0; r < n; r++) {
      const long row = b * T + q0 + r;
      const bool padding = at.first(b, q0 + r) > q0 + r;
      const float by = padding ? 0.f : 1.f / rows[r].sum;
      float* to = out + (row * Q + head) * h;
      if (padding) std::memset(to, 0, static_cast<size_t>(h) * 4);
      else each_vector(0, h, [&](long j, long count) { store_partial(to + j, load(context + r * H + j) * splat(by), count); });
      lse[row * Q + head] = padding ? 0.f : rows[r].max + std::log(rows[r].sum);
    }
  }
}

// One row: scores to probabilities, and the gradient by the probabilities to that by the scores, p (dp - along), times the
// slope of a cap.
void differentiate(float* p, float* dp, long vectors, long k0, long lo, long hi, float lse, float along, const SoftCap& cap) {
  const vf shift = splat(lse), mean = splat(along);
  for (long v = 0; v < vectors; v++) {
    const long k = k0 + v * LANES;
    float *x = p + v * LANES, *d = dp + v * LANES;
    if (k > hi || k + LANES - 1 < lo) {
      store(x, zero());
      store(d, zero());
      continue;
    }
    const vf score = cap.on() ? cap.of(load(x)) : load(x);
    vf e = vexp(score - shift);
    vf g = e * (load(d) - mean);
    if (cap.on()) g *= cap.slope(score);
    if (k < lo || k + LANES - 1 > hi) {
      const vi in = inside(k, lo, hi);
      e = select(in, e, zero());
      g = select(in, g, zero());
    }
    store(x, e);
    store(d, g);
  }
}

void backward_group(const Layout& at, long b, long group, const float* out, const float* lse, const float* d_out, float* d_packed) {
  static thread_local Buffer memory;
  const long T = at.T, h = at.h, H = at.H, Q = at.s.Q, share = Q / at.s.G, padded = at.panels * PANEL;
  constexpr long R = ROWS_BACKWARD, KB = KEYS_BACKWARD;
  float* keys = memory.of<float>(static_cast<size_t>(padded * (4 * H + 2 * h) + R * (3 * H + 2 * KB)));
  float *values = keys + padded * H, *d_keys = values + padded * H, *d_values = d_keys + padded * H;
  float *key_panels = d_values + padded * H, *value_panels = key_panels + padded * h;
  float *q = value_panels + padded * h, *d_context = q + R * H, *d_q = d_context + R * H, *p = d_q + R * H, *dp = p + R * KB;
  for (long t = 0; t < T; t++) {
    const float* x = at.packed + (b * T + t) * at.row;
    at.rotate(x + at.key(group), b, t, keys + t * H);
    at.copy(x + at.value(group), values + t * H);
  }
  to_panels(at, keys, key_panels);
  to_panels(at, values, value_panels);
  std::memset(d_keys, 0, static_cast<size_t>(2 * padded * H) * 4);
  float along[R];
  for (long head = group * share; head < (group + 1) * share; head++)
    for (long q0 = 0; q0 < T; q0 += R) {
      const long n = std::min(R, T - q0), end = q0 + n;
      for (long r = 0; r < n; r++) {
        const long row = b * T + q0 + r;
        at.rotate(at.packed + row * at.row + at.query(head), b, q0 + r, q + r * H);
        at.copy(d_out + (row * Q + head) * h, d_context + r * H);
        vf sum = zero();
        const float* y = out + (row * Q + head) * h;
        each_vector(0, h, [&](long j, long count) { sum += load(d_context + r * H + j) * load_partial(y + j, count); });
        along[r] = reduce_add(sum);
      }
      std::memset(d_q, 0, static_cast<size_t>(n * H) * 4);
      for (long k0 = at.first_of(b, q0, end) / PANEL * PANEL; k0 < end; k0 += KB) {
        long done = 0;  // Keys whose gradients already have all contributions of this block of keys and rows.
        for (long r0 = 0; r0 < n; r0 += STEP) {
          // Rows r0 .. r1 - 1 attend to no key beyond `count`.
          const long r1 = std::min(r0 + STEP, n), count = std::min(KB, q0 + r1 - k0), vectors = (count + LANES - 1) / LANES;
          if (count <= 0) continue;
          float *p_r = p + r0 * KB, *dp_r = dp + r0 * KB;
          scores(at, r1 - r0, vectors, q + r0 * H, key_panels, k0, p_r, KB);
          scores(at, r1 - r0, vectors, d_context + r0 * H, value_panels, k0, dp_r, KB);
          for (long r = r0; r < r1; r++)
            differentiate(p + r * KB, dp + r * KB, vectors, k0, at.first(b, q0 + r), q0 + r, lse[(b * T + q0 + r) * Q + head], along[r], at.cap);
          multiply(r1 - r0, H / LANES, count, dp_r, KB, 1, keys + k0 * H, H, d_q + r0 * H, H, true);
        }
        for (long r0 = 0; r0 < n; r0 += STEP) {
          // The keys up to `count` that are not done yet: all rows from r0 on attend to them.
          const long count = std::min(KB, q0 + std::min(r0 + STEP, n) - k0);
          if (count <= done) continue;
          float *d_value = d_values + (k0 + done) * H, *d_key = d_keys + (k0 + done) * H;
          multiply(count - done, H / LANES, n - r0, p + r0 * KB + done, 1, KB, d_context + r0 * H, H, d_value, H, true);
          multiply(count - done, H / LANES, n - r0, dp + r0 * KB + done, 1, KB, q + r0 * H, H, d_key, H, true);
          done = count;
        }
      }
      for (long r = 0; r < n; r++)
        at.rotate_back(d_q + r * H, b, q0 + r, d_packed + (b * T + q0 + r) * at.row + at.query(head));
    }
  for (long t = 0; t < T; t++) {
    float* x = d_packed + (b * T + t) * at.row;
    at.rotate_back(d_keys + t * H, b, t, x + at.key(group));
    std::memcpy(x + at.value(group), d_values + t * H, static_cast<size_t>(h) * 4);
  }
}

}  // namespace
}  // namespace winnow

WINNOW_API void winnow_attention(const WinnowAttention* sizes, const float* packed, const float* cos, const float* sin,
                                 const int32_t* start, float* out, float* lse) {
  const winnow::Layout at(*sizes, packed, cos, sin, start);
  const long Q = sizes->Q;
  winnow::parallel(sizes->B * Q, [&](long part) { winnow::forward_head(at, part / Q, part % Q, out, lse); });
}

WINNOW_API void winnow_attention_gradient(const WinnowAttention* sizes, const float* packed, const float* cos, const float* sin,
                                          const int32_t* start, const float* out, const float* lse, const float* d_out,
                                          float* d_packed) {
  const winnow::Layout at(*sizes, packed, cos, sin, start);
  const long G = sizes->G;
  winnow::parallel(sizes->B * G, [&](long part) { winnow::backward_group(at, part / G, part % G, out, lse, d_out, d_packed); });
}
