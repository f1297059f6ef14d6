// The most probable tokens of each row, in one pass over the vocabulary: a logit above the row's threshold becomes a
// candidate, any other only adds to the mass of the rest. That mass is a sum of its own terms, so a small one is right too.
// The first part of the vocabulary gives the others a threshold to begin with: without it each would fill with candidates anew.
#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "guard.h"
#include "head-wanted.h"
#include "pool.h"

namespace winnow {
namespace {

// A logit and its token as one number: a larger logit is a larger number, and of equal ones a lower id.
typedef uint64_t Candidate;

inline Candidate candidate(float z, long id) {
  z += 0.f;  // -0 is 0.
  uint32_t u;
  std::memcpy(&u, &z, 4);
  u = u & 0x80000000u ? ~u : u | 0x80000000u;
  return static_cast<Candidate>(u) << 32 | (0xffffffffu - static_cast<uint32_t>(id));
}
inline float logit_of(Candidate c) {
  uint32_t u = static_cast<uint32_t>(c >> 32);
  u = u & 0x80000000u ? u & 0x7fffffffu : ~u;
  float z;
  std::memcpy(&z, &u, 4);
  return z;
}
inline int32_t id_of(Candidate c) { return static_cast<int32_t>(0xffffffffu - static_cast<uint32_t>(c)); }

// Candidates of the rows of a panel in a part of the vocabulary, and the mass of the others relative to the running maximum.
struct Best {
  Lane max, above, rest, evicted;
  int32_t count[COLS];

  // Lanes from n on are no rows: they have no candidates.
  void clear(long n) {
    std::memset(this, 0, sizeof *this);
    for (long c = 0; c < COLS; c++) max[c] = LOWEST, above[c] = c < n ? -INFINITY : INFINITY;
  }
  // A later part begins with the thresholds of the first one.
  void follow(const Best& first) {
    clear(0);
    std::memcpy(above, first.above, sizeof above);
  }
};

// Room for candidates of a row in a part: when it is full, only the best stay.
struct Room {
  long k, size;
};
Room room_of(long k, long part) {
  const long most = std::min(k, part);
  return {most, std::min(part, 2 * most + LANES)};
}

// Leaves the k best of a row; the others add to the rest's mass.
void shrink(Candidate* row, long k, Best& best, int c) {
  const long count = best.count[c];
  std::nth_element(row, row + k - 1, row + count, std::greater<Candidate>());
  best.above[c] = logit_of(row[k - 1]);
  float z[LANES], sum = 0;
  for (long i = k; i < count; i += LANES) {
    const long n = std::min<long>(LANES, count - i);
    for (long j = 0; j < n; j++) z[j] = logit_of(row[i + j]) - best.max[c];
    const vf e = vexp(load_partial(z, n));
    for (long j = 0; j < n; j++) sum += e[j];
  }
  best.evicted[c] += sum;
  best.count[c] = static_cast<int32_t>(k);
}

// One tile of logits, [ids, COLS], from token v on.
void top_tile(const float* z, long ids, long v, const Room& room, Candidate* candidates, Best& best) {
  for (int q = 0; q < 2; q++) {
    const int at = q * LANES;
    const vf before = load(best.max + at);
    vf top = before;
    for (long r = 0; r < ids; r++) top = vmax(top, load(z + r * COLS + at));
    store(best.max + at, top);
    vf above = load(best.above + at), sum = zero();
    bool shrunk = false;
    for (long r = 0; r < ids; r++) {
      const vf x = load(z + r * COLS + at), e = vexp(x - top);
      const vi more = x > above;
      unsigned bits = mask_bits(more);
      if (bits == 0) {
        sum += e;
        continue;
      }
      sum += select(more, zero(), e);
      bool full = false;
      for (; bits != 0; bits &= bits - 1) {
        const int c = at + __builtin_ctz(bits);
        Candidate* row = candidates + c * room.size;
        row[best.count[c]++] = candidate(x[c - at], v + r);
        if (best.count[c] < room.size || room.k == room.size) continue;
        shrink(row, room.k, best, c);
        full = true;
      }
      if (full) above = load(best.above + at), shrunk = true;
    }
    if (shrunk) {
      sum += load(best.evicted + at);
      store(best.evicted + at, zero());
    }
    store(best.rest + at, load(best.rest + at) * vexp(before - top) + sum);
  }
}

// Writes the answer for row i from the candidates of all parts; `all` is memory.
void write_top(const HeadTop& s, long i, const Best* bests, long parts, long J, int c, const std::function<const Candidate*(long)>& of,
               std::vector<Candidate>& all) {
  all.clear();
  double top = -INFINITY;
  for (long part = 0; part < parts; part++) {
    const Best& best = bests[part * J];
    all.insert(all.end(), of(part), of(part) + best.count[c]);
    top = std::max<double>(top, best.max[c]);
  }
  double rest = 0, inside = 0;
  for (long part = 0; part < parts; part++) {
    const Best& best = bests[part * J];
    rest += best.rest[c] * std::exp(best.max[c] - top);
  }
  const long found = static_cast<long>(all.size()), k = std::min<long>(s.k, found);
  if (k < found) std::nth_element(all.begin(), all.begin() + k, all.end(), std::greater<Candidate>());
  std::sort(all.begin(), all.begin() + k, std::greater<Candidate>());
  for (long j = 0; j < found; j++) (j < k ? inside : rest) += std::exp(logit_of(all[j]) - top);
  const double lse = top + std::log(inside + rest);
  for (long j = 0; j < s.k; j++) {  // Fewer are found only beside NaN.
    s.ids[i * s.stride + j] = j < k ? id_of(all[j]) : static_cast<int32_t>(j);
    s.log_p[i * s.stride + j] = j < k ? static_cast<float>(logit_of(all[j]) - lse) : NAN;
  }
  s.tail[i * s.stride] = s.k < s.V ? static_cast<float>(rest / (inside + rest)) : 0;
}

// Makes the k-th best logit of each row of the first part its threshold, of n rows: no logit of a later part that is not above
// it is among the k best, since of equal ones the lower id is. Rows with fewer than k have none.
void tighten(Candidate* candidates, const Room& room, long k, long n, Best& best) {
  for (int c = 0; c < n; c++) {
    if (best.count[c] < k) continue;
    shrink(candidates + c * room.size, k, best, c);
    best.rest[c] += best.evicted[c];
    best.evicted[c] = 0;
  }
}

// Panels that share the reading of the first part, on one thread.
constexpr long GROUP = 4;

template <class P>
void top(const HeadTop& s) {
  const long parts = head_parts(s.V);
  long part_size = 0;
  for (long part = 0; part < parts; part++)
    part_size = std::max(part_size, part_begin(s.V, parts, part + 1, HEAD_TILE) - part_begin(s.V, parts, part, HEAD_TILE));
  const Room room = room_of(s.k, part_size);
  // Rows at a time: candidates of all parts take 32 MB at most, or those of one panel.
  const long fit = (1L << 25) / (parts * room.size * static_cast<long>(sizeof(Candidate)));
  const long block = std::max<long>(COLS, std::min<long>(HEAD_ROWS, fit / COLS * COLS));
  PackedHidden<P> hidden;
  Buffer memory;
  std::vector<Best> bests;
  for (long row = 0; row < s.N; row += block) {
    const long n = std::min<long>(block, s.N - row), J = panels(n);
    const auto rows_of = [&](long j) { return std::min<long>(COLS, n - j * COLS); };
    hidden.pack(s.side, row, n, 1);
    bests.resize(parts * J);
    Candidate* candidates = memory.of<Candidate>(static_cast<size_t>(parts * J * COLS * room.size));
    const auto of = [&](long part, long j) { return candidates + (part * J + j) * COLS * room.size; };
    // Panels j0 to j1 of a part of the vocabulary.
    const auto pass = [&](long part, long j0, long j1) {
      static thread_local Buffer block_memory, logits;
      float* z = logits.of<float>(HEAD_TILE * COLS);
      for (long j = j0; j < j1; j++) part == 0 ? bests[j].clear(rows_of(j)) : bests[part * J + j].follow(bests[j]);
      const long v1 = part_begin(s.V, parts, part + 1, HEAD_TILE);
      for (long v = part_begin(s.V, parts, part, HEAD_TILE); v < v1; v += HEAD_TILE) {
        const long ids = std::min<long>(HEAD_TILE, v1 - v);
        const typename P::unit* head = head_block<P>(s.side, v, ids, block_memory);
        for (long j = j0; j < j1; j++) {
          strip<P>(ids, hidden.u(), head, P::PER == 1 ? hidden.d() : hidden.u(), hidden.panel(j), z, COLS, false);
          hidden.finish(z, ids);
          top_tile(z, ids, v, room, of(part, j), bests[part * J + j]);
        }
      }
    };
    parallel((J + GROUP - 1) / GROUP, [&](long group) {
      const long j0 = group * GROUP, j1 = std::min(J, j0 + GROUP);
      pass(0, j0, j1);
      for (long j = j0; j < j1; j++) tighten(of(0, j), room, s.k, rows_of(j), bests[j]);
    });
    parallel(parts - 1, [&](long part) { pass(part + 1, 0, J); });
    parallel(J, [&](long j) {
      static thread_local std::vector<Candidate> all;
      for (int c = 0; c < rows_of(j); c++)
        write_top(s, row + j * COLS + c, bests.data() + j, parts, J, c, [&](long part) { return of(part, j) + c * room.size; }, all);
    });
  }
}

}  // namespace
}  // namespace winnow

// See HeadTop in head.h. Returns 0, or 1 if memory does not suffice.
WINNOW_API int winnow_head_top(const winnow::HeadTop* s) {
  return winnow::guarded([&] { s->precision == 1 ? winnow::top<winnow::BF16>(*s) : winnow::top<winnow::F32>(*s); });
}
