#include "decode-attention.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "decode-linear.h"
#include "pool.h"

namespace winnow::decode {
namespace {

constexpr long BLOCK = LayerCache::BLOCK;
// Positions beyond the first ones that a cache has room for.
constexpr long ROOM = 2 * BLOCK;
// Query rows that share one reading of keys or values.
constexpr int SHARE = 4;
#if defined(WINNOW_AVX512)
constexpr int WIDE = 4;  // vectors of keys or of a value that a tile holds for each of SHARE rows
#else
constexpr int WIDE = 2;
#endif

// Rotates x (h entries) by a position and writes y.
void rotate(const float* __restrict x, const Rotation& by, long position, long h, float* __restrict y) {
  const long half = by.rotated / 2;
  const float *__restrict cos = by.cos + position * half, *__restrict sin = by.sin + position * half;
  for (long i = 0; i < half; i++) {
    const float a = x[i], b = x[i + half];
    y[i] = a * cos[i] - b * sin[i];
    y[i + half] = b * cos[i] + a * sin[i];
  }
  for (long i = by.rotated; i < h; i++) y[i] = x[i] * by.scale;
}

// out[r][0 .. N LANES) = sum over `count` positions of p[r][s] values[s][...], added in the order of positions.
template <int ROWS, int N>
void weigh_tile(const float* values, long ldv, const float* p, long ldp, long count, float* out, long ldo) {
  vf sum[ROWS][N];
#pragma GCC unroll 4
  for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 4
    for (int n = 0; n < N; n++) sum[r][n] = zero();
  for (long s = 0; s < count; s++) {
    vf value[N];
#pragma GCC unroll 4
    for (int n = 0; n < N; n++) value[n] = load(values + s * ldv + n * LANES);
#pragma GCC unroll 4
    for (int r = 0; r < ROWS; r++) {
      const vf x = splat(p[r * ldp + s]);
#pragma GCC unroll 4
      for (int n = 0; n < N; n++) sum[r][n] += value[n] * x;
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 4
    for (int n = 0; n < N; n++) store(out + r * ldo + n * LANES, sum[r][n]);
}

template <int ROWS>
void weigh(const float* values, long padded, const float* p, long ldp, long count, float* out) {
  long at = 0;
  for (; at + WIDE * LANES <= padded; at += WIDE * LANES)
    weigh_tile<ROWS, WIDE>(values + at, padded, p, ldp, count, out + at, padded);
  for (; at + 2 * LANES <= padded; at += 2 * LANES)
    weigh_tile<ROWS, 2>(values + at, padded, p, ldp, count, out + at, padded);
  for (; at < padded; at += LANES) weigh_tile<ROWS, 1>(values + at, padded, p, ldp, count, out + at, padded);
}

// Writes exp(score - largest) of n scores in place and returns their sum. Lanes count from the first score, so
// that padding before it does not change the order of the sum.
float exponentials(float* score, long n) {
  vf top = splat(-std::numeric_limits<float>::infinity());
  for (long s = 0; s < n; s += LANES) top = vmax(load_partial(score + s, n - s, -std::numeric_limits<float>::infinity()), top);
  const vf largest = splat(reduce_max(top));
  vf sum = zero();
  long s = 0;
  for (; s + LANES <= n; s += LANES) {
    const vf e = vexp(load(score + s) - largest);
    store(score + s, e);
    sum += e;
  }
  if (s < n) {
    store_partial(score + s, vexp(load_partial(score + s, n - s) - largest), n - s);
    sum += load_partial(score + s, n - s);
  }
  return reduce_add(sum);
}

struct Group {
  const float* keys;
  const float* values;
  long h, padded, pad, window, ldq;
  const Tree* tree;
  SoftCap cap;

  bool branches(long slot) const { return tree && slot >= tree->base; }
  long position(long slot) const { return branches(slot) ? tree->base + tree->depth[slot - tree->base] : slot; }
  // The first position that the query in slot `limit` reads.
  long first(long limit) const { return window > 0 ? std::max(pad, position(limit) - window + 1) : pad; }

  // The slots of the nodes up to `limit` on its path, from the position `first` on, ascending.
  void path(long limit, long first, std::vector<long>& slots) const {
    const long least = std::max(0l, first - tree->base);
    slots.clear();
    for (int32_t i = static_cast<int32_t>(limit - tree->base); i >= 0 && tree->depth[i] >= least; i = tree->parent[i])
      slots.push_back(tree->base + i);
    std::reverse(slots.begin(), slots.end());
  }
};

// The scores of a path, each moved from its slot to its position, where the scores of a text lie. A position is never behind
// its slot.
void gather(const Group& of, const std::vector<long>& slots, float* score) {
  for (const long slot : slots) score[of.position(slot)] = score[slot];
}

// The inverse; other slots up to `end` get 0, so that the sum over all slots is that over the path, bit by bit.
void spread(const Group& of, const std::vector<long>& slots, long end, float* score) {
  for (size_t j = slots.size(); j-- > 0;) {
    const float weight = score[of.position(slots[j])];
    std::fill(score + slots[j] + 1, score + end, 0.f);
    score[slots[j]] = weight;
    end = slots[j];
  }
  const long begin = slots.empty() ? end : of.position(slots[0]);
  std::fill(score + begin, score + end, 0.f);
}

// ROWS queries: query r reads the positions up to slot limit[r], limits ascending; context rows of `padded` at out.
template <int ROWS>
void attend_rows(const Group& of, const float* q, const long* limit, float* score, long lds, float* out) {
  const long last = limit[ROWS - 1];
  long from = of.first(limit[0]);
  if (of.tree)
    for (int r = 1; r < ROWS; r++) from = std::min(from, of.first(limit[r]));
  const long base = from / BLOCK * BLOCK;
  constexpr long TILE = WIDE * LANES;
  for (long s = from / TILE * TILE; s <= last; s += TILE) {
    // scores: the keys of a block lie side by side, weighed by the entries of the queries; vectors without a position that is
    // read are left out
    const long skipped = std::max<long>(0, (from - s) / LANES), vectors = std::min<long>(WIDE, (last - s) / LANES + 1) - skipped;
    const float* keys = of.keys + s / BLOCK * BLOCK * of.h + s % BLOCK + skipped * LANES;
    float* to = score + (s - base) + skipped * LANES;
    switch (vectors) {
      case 1: weigh_tile<ROWS, 1>(keys, BLOCK, q, of.ldq, of.h, to, lds); break;
#if defined(WINNOW_AVX512)
      case 2: weigh_tile<ROWS, 2>(keys, BLOCK, q, of.ldq, of.h, to, lds); break;
      case 3: weigh_tile<ROWS, 3>(keys, BLOCK, q, of.ldq, of.h, to, lds); break;
#endif
      default: weigh_tile<ROWS, WIDE>(keys, BLOCK, q, of.ldq, of.h, to, lds);
    }
  }
  float sum[ROWS];
  for (int r = 0; r < ROWS; r++) {
    const long first = of.first(limit[r]), valid = of.position(limit[r]) - first + 1;
    float* row = score + r * lds;
    const bool branch = of.branches(limit[r]);
    thread_local std::vector<long> slots;
    if (branch) {
      of.path(limit[r], first, slots);
      gather(of, slots, row - base);
    }
    of.cap.apply(row + (first - base), valid);
    sum[r] = valid > 0 ? exponentials(row + (first - base), valid) : 1;
    std::fill(row + (from - base), row + (first - base), 0.f);
    if (branch) spread(of, slots, last + 1, row - base);
    else std::fill(row + (first - base) + std::max<long>(valid, 0), row + (last - base) + 1, 0.f);
  }
  weigh<ROWS>(of.values + from * of.padded, of.padded, score + (from - base), lds, last - from + 1, out);
  for (int r = 0; r < ROWS; r++)
    for (long i = 0; i < of.padded; i++) out[r * of.padded + i] /= sum[r];
}

}  // namespace

void LayerCache::reserve(long sequences, long positions, long held, const Heads& heads) {
  if (positions <= capacity_) return;
  LayerCache larger;
  // a text goes on: with some room at first most texts are never copied
  larger.capacity_ = (std::max(positions + (capacity_ > 0 ? 0 : ROOM), 2 * capacity_) + BLOCK - 1) / BLOCK * BLOCK;
  larger.groups_ = heads.key_value;
  larger.size_ = heads.size;
  larger.padded_ = (heads.size + LANES - 1) / LANES * LANES;
  const long rows = sequences * heads.key_value;
  // products include the positions of a vector that are still empty, so these must be finite: they are zero
  larger.keys_ = ZeroPages(static_cast<size_t>(rows * larger.capacity_ * larger.size_) * sizeof(float));
  larger.values_ = ZeroPages(static_cast<size_t>(rows * larger.capacity_ * larger.padded_) * sizeof(float));
  if (held > 0)
    parallel(rows, [&](long r) {
      const long b = r / groups_, g = r % groups_;
      std::copy_n(keys(b, g), (held + BLOCK - 1) / BLOCK * BLOCK * size_, larger.keys(b, g));
      std::copy_n(values(b, g), held * padded_, larger.values(b, g));
    });
  *this = std::move(larger);
}

void LayerCache::move(long b, long from, long to) {
  for (long g = 0; g < groups_; g++) {
    const float* key = keys(b, g) + from / BLOCK * BLOCK * size_ + from % BLOCK;
    float* moved = keys(b, g) + to / BLOCK * BLOCK * size_ + to % BLOCK;
    for (long i = 0; i < size_; i++) moved[i * BLOCK] = key[i * BLOCK];
    std::copy_n(values(b, g) + from * padded_, padded_, values(b, g) + to * padded_);
  }
}

void attend(const float* packed, long packed_ld, float* context, long context_ld, const LayerCache& cache, const Heads& heads,
            const Rotation& rotation, const SoftCap& cap, long window, long B, long T, long P, const int32_t* pad, const Tree* tree) {
  const long h = heads.size, Q = heads.query, G = heads.key_value, each = Q / G;
  const long padded = (h + LANES - 1) / LANES * LANES, S = P + T;
  const bool by_head = heads.order == HeadOrder::HEADS;
  auto one = [&](long part) {
    const long b = part / G, g = part % G, padding = pad ? pad[b] : 0;
    float* keys = cache.keys(b, g);
    float* values = cache.values(b, g);
    const long rows = T * each, lds = (S + BLOCK - 1) / BLOCK * BLOCK + BLOCK;
    thread_local Buffer room;
    float* q = room.of<float>(static_cast<size_t>(rows * h + SHARE * lds + SHARE * padded + 2 * h));
    float* score = q + rows * h;
    float* out = score + SHARE * lds;
    float* key = out + SHARE * padded;
    const Group of{keys, values, h, padded, padding, window, h, tree, cap};
    for (long t = 0; t < T; t++) {
      const float* row = packed + (b * T + t) * packed_ld;
      const long s = P + t, position = std::max<long>(0, of.position(s) - padding);
      const float* k = row + (by_head ? g * 3 + 1 : Q + g) * h;
      const float* v = row + (by_head ? g * 3 + 2 : Q + G + g) * h;
      for (long a = 0; a < each; a++)
        rotate(row + (by_head ? g * 3 : g * each + a) * h, rotation, position, h, q + (t * each + a) * h);
      rotate(k, rotation, position, h, key);
      float* block = keys + s / BLOCK * BLOCK * h + s % BLOCK;
      for (long i = 0; i < h; i++) block[i * BLOCK] = key[i];
      std::copy(v, v + h, values + s * padded);
    }
    for (long r0 = 0; r0 < rows;) {
      const int count = rows - r0 >= SHARE ? SHARE : 1;
      long limit[SHARE];
      for (int r = 0; r < count; r++) limit[r] = P + (r0 + r) / each;
      const long last = limit[count - 1];
      if (last < padding) std::fill(out, out + count * padded, 0.f);
      else if (count == SHARE) attend_rows<SHARE>(of, q + r0 * h, limit, score, lds, out);
      else attend_rows<1>(of, q + r0 * h, limit, score, lds, out);
      for (int r = 0; r < count; r++) {
        const long t = (r0 + r) / each, a = (r0 + r) % each;
        std::copy(out + r * padded, out + r * padded + h, context + (b * T + t) * context_ld + (g * each + a) * h);
      }
      r0 += count;
    }
  };
  // rotation, softmax and copies of a query cost as much as some thousand multiply-adds
  const long reads = window > 0 ? std::min(window, S) : S;
  if (B * Q * T * (2 * reads * h + 8000) < WORTH_THREADS / 3)
    for (long part = 0; part < B * G; part++) one(part);
  else parallel(B * G, one);
}

}  // namespace winnow::decode
