// Statistics of rows: one streaming pass over the vocabulary, and a second for statistics of normalised probabilities.
#include <cmath>
#include <vector>

#include "guard.h"
#include "head-tiles.h"
#include "pool.h"

namespace winnow {
namespace {

enum { TARGET = 0, DRAFT = 1, REFERENCE = 2, MODELS = 3 };
constexpr float LOWEST = -3e38f;
typedef float Lane[COLS];  // One number for each row of a panel.

// The requested statistics of a model and of a pair, as flags and rows of pointers.
struct Wanted {
  bool model[MODELS] = {};
  bool gold[MODELS] = {}, entropy[MODELS] = {}, argmax[MODELS] = {};
  bool exponentials[MODELS] = {};  // True if a pair reads them.
  bool kl[2] = {}, reverse[2] = {}, hellinger[2] = {};
  bool acceptance[2] = {}, tvd[2] = {}, sign[2] = {}, reward[2] = {}, rewards[2] = {}, jsd[2] = {}, low[2] = {};
  bool second = false, low_any = false;
};

const HeadSide& side_of(const HeadStatistics& s, int m) { return m == TARGET ? s.target : m == DRAFT ? s.draft : s.reference; }
const HeadOfModel& model_of(const HeadStatistics& s, int m) { return m == TARGET ? s.of_target : m == DRAFT ? s.of_draft : s.of_reference; }
const HeadOfPair& pair_of(const HeadStatistics& s, int j) { return j == 0 ? s.draft_pair : s.reference_pair; }

Wanted wanted(const HeadStatistics& s) {
  Wanted w;
  for (int m = 0; m < MODELS; m++) {
    const HeadOfModel& o = model_of(s, m);
    w.model[m] = side_of(s, m).h != nullptr;
    w.gold[m] = o.nll != nullptr;
    w.entropy[m] = o.entropy != nullptr;
    w.argmax[m] = o.argmax != nullptr;
  }
  for (int j = 0; j < 2; j++) {
    const HeadOfPair& o = pair_of(s, j);
    w.kl[j] = o.kl != nullptr;
    w.reverse[j] = o.reverse_kl != nullptr;
    w.hellinger[j] = o.hellinger != nullptr;
    w.exponentials[TARGET] |= w.kl[j] || w.hellinger[j];
    w.exponentials[j + 1] = w.reverse[j] || w.hellinger[j];
    w.acceptance[j] = o.acceptance != nullptr;
    w.tvd[j] = o.tvd != nullptr;
    w.sign[j] = o.sign != nullptr;
    w.reward[j] = o.reward != nullptr;
    w.rewards[j] = o.reward_count != nullptr || o.reward_log != nullptr || o.log_sum != nullptr;
    w.jsd[j] = o.jsd_forward != nullptr || o.jsd_reverse != nullptr || o.mixed != nullptr;
    w.low[j] = o.log_acceptance != nullptr || o.below != nullptr;
    w.low_any |= w.low[j];
    if (w.acceptance[j] || w.tvd[j] || w.sign[j] || w.reward[j] || w.rewards[j] || w.jsd[j] || w.low[j]) w.second = true;
  }
  if (s.samples > 0) w.second = true;
  return w;
}

// Running sums of a panel's rows over a part of the vocabulary, all relative to the running maximum of each model:
// with e_m = exp(z_m - max_m).
struct First {
  Lane max[MODELS], sum[MODELS];  // sum e_m
  Lane spread[MODELS];            // sum e_m (z_m - max_m)
  Lane gold[MODELS];              // z_m at the gold token
  int32_t argmax[MODELS][COLS];
  Lane kl[2], reverse[2];         // sum e_p (z_p - z_q), sum e_q (z_q - z_p)
  Lane hellinger[2];              // sum sqrt(e_p e_q)

  void clear() {
    std::memset(this, 0, sizeof *this);
    for (auto& lane : max)
      for (float& x : lane) x = LOWEST;
  }
};

// Sums of a panel's rows, of normalised probabilities.
struct Second {
  Lane acceptance[2], tvd[2], sign[2], reward[2], count[2], reward_log[2], log_sum[2], forward[2], reverse[2], mixed[2];
};

// Sums of a panel's rows relative to the running maximum of log min(p, q): what all underflows together keeps its logarithm.
struct Low {
  Lane max[2], sum[2], below[2];

  void clear() {
    std::memset(this, 0, sizeof *this);
    for (auto& lane : max)
      for (float& x : lane) x = LOWEST;
  }
};

// Adds the result of a block to lane vector q of LANES: a block is summed first, so that 50 000 small terms lose less.
inline void add(float* lane, int q, vf x) { store(lane + q * LANES, load(lane + q * LANES) + x); }

// The first pass over one tile: z[m] is [rows, COLS].
void first_tile(const Wanted& w, const float* const z[MODELS], float* e, long rows, long v0, First& s) {
  constexpr long TILE = HEAD_TILE * COLS;
  for (int q = 0; q < 2; q++) {
    const int at = q * LANES;
    vf grown[MODELS];  // exp(old max - new max), the factor on the sums so far.
    for (int m = 0; m < MODELS; m++) {
      if (!w.model[m]) continue;
      const float* zm = z[m] + at;
      const vf before = load(s.max[m] + at);
      vf top = before;
      if (w.argmax[m]) {
        vi id;
        std::memcpy(&id, s.argmax[m] + at, sizeof id);
        for (long r = 0; r < rows; r++) {
          const vf x = load(zm + r * COLS);
          const vi more = x > top;
          id = more ? id * 0 + static_cast<int32_t>(v0 + r) : id;
          top = select(more, x, top);
        }
        std::memcpy(s.argmax[m] + at, &id, sizeof id);
      } else {
        for (long r = 0; r < rows; r++) top = vmax(top, load(zm + r * COLS));
      }
      store(s.max[m] + at, top);
      grown[m] = vexp(before - top);
      const vf old_sum = load(s.sum[m] + at);
      vf sum = zero(), spread = zero();
      float* em = e + m * TILE + at;
      if (w.entropy[m]) {
        for (long r = 0; r < rows; r++) {
          const vf x = load(zm + r * COLS) - top, y = vexp(x);
          store(em + r * COLS, y);
          sum += y;
          spread += y * x;
        }
        const vf shrunk = load(s.spread[m] + at) + old_sum * (before - top);
        // Before the first block the sum is 0, and the difference of maxima as large as possible.
        store(s.spread[m] + at, select(old_sum > zero(), shrunk * grown[m], zero()) + spread);
      } else if (w.exponentials[m]) {
        for (long r = 0; r < rows; r++) {
          const vf y = vexp(load(zm + r * COLS) - top);
          store(em + r * COLS, y);
          sum += y;
        }
      } else {
        for (long r = 0; r < rows; r++) sum += vexp(load(zm + r * COLS) - top);
      }
      store(s.sum[m] + at, old_sum * grown[m] + sum);
    }
    for (int j = 0; j < 2; j++) {
      const int m = j + 1;
      if (!w.kl[j] && !w.reverse[j] && !w.hellinger[j]) continue;
      const float *zp = z[TARGET] + at, *zq = z[m] + at, *ep = e + at, *eq = e + m * TILE + at;
      vf kl = zero(), reverse = zero(), hellinger = zero();
      if (w.kl[j])
        for (long r = 0; r < rows; r++) kl += load(ep + r * COLS) * (load(zp + r * COLS) - load(zq + r * COLS));
      if (w.reverse[j])
        for (long r = 0; r < rows; r++) reverse += load(eq + r * COLS) * (load(zq + r * COLS) - load(zp + r * COLS));
      if (w.hellinger[j])
        for (long r = 0; r < rows; r++) hellinger += vsqrt(load(ep + r * COLS) * load(eq + r * COLS));
      store(s.kl[j] + at, load(s.kl[j] + at) * grown[TARGET] + kl);
      store(s.reverse[j] + at, load(s.reverse[j] + at) * grown[m] + reverse);
      store(s.hellinger[j] + at, load(s.hellinger[j] + at) * vsqrt(grown[TARGET] * grown[m]) + hellinger);
    }
  }
}

// One tile of log min(p, q) and of the share of q in it.
void low_tile(const float* zp, const float* zq, vf lp, vf lq, long rows, int j, int at, Low& low) {
  const vf half = splat(0.5f), one = splat(1.f), before = load(low.max[j] + at);
  vf top = before, sum = zero(), below = zero();
  for (long r = 0; r < rows; r++) top = vmax(top, vmin(load(zp + r * COLS) - lp, load(zq + r * COLS) - lq));
  for (long r = 0; r < rows; r++) {
    const vf log_p = load(zp + r * COLS) - lp, log_q = load(zq + r * COLS) - lq, x = vexp(vmin(log_p, log_q) - top);
    sum += x;
    below += x * select(log_p > log_q, one, select(log_q > log_p, zero(), half));
  }
  const vf grown = vexp(before - top);
  store(low.max[j] + at, top);
  store(low.sum[j] + at, load(low.sum[j] + at) * grown + sum);
  store(low.below[j] + at, load(low.below[j] + at) * grown + below);
}

// The second pass over one tile; lse[m] are the panel's log-sum-exps.
void second_tile(const Wanted& w, const float* const z[MODELS], const Lane lse[MODELS], float beta, long rows, Second& s, Low* low) {
  const vf one = splat(1.f), half = splat(0.5f), b = splat(beta), b1 = splat(1.f - beta), tiny = splat(1.1754944e-38f);
  for (int j = 0; j < 2; j++) {
    const int m = j + 1;
    if (!w.acceptance[j] && !w.tvd[j] && !w.sign[j] && !w.reward[j] && !w.rewards[j] && !w.jsd[j] && !w.low[j]) continue;
    for (int q = 0; q < 2; q++) {
      const int at = q * LANES;
      const vf lp = load(lse[TARGET] + at), lq = load(lse[m] + at);
      vf acceptance = zero(), tvd = zero(), sign = zero(), reward = zero(), count = zero(), reward_log = zero(), log_sum = zero(),
         forward = zero(), reverse = zero(), mixed = zero();
      if (w.low[j]) low_tile(z[TARGET] + at, z[m] + at, lp, lq, rows, j, at, *low);
      for (long r = 0; r < rows; r++) {
        const vf log_p = load(z[TARGET] + r * COLS + at) - lp, log_q = load(z[m] + r * COLS + at) - lq;
        const vf P = vexp(log_p), Q = vexp(log_q);
        acceptance += vmin(P, Q);
        tvd += half * (vmax(P, Q) - vmin(P, Q));
        const vi more = P > Q;
        if (w.sign[j]) sign += select(Q > P, Q, select(more, -Q, zero()));
        if (w.reward[j]) reward += select(more, Q, zero());
        if (w.rewards[j]) {
          count += select(more, one, zero());
          reward_log += select(more, log_q, zero());
          log_sum += log_q;
        }
        if (w.jsd[j]) {
          const vf mix = vmax(tiny, b * P + b1 * Q);
          vf log_m;
          for (int i = 0; i < LANES; i++) log_m[i] = std::log(mix[i]);
          forward += P * (log_p - log_m);
          reverse += Q * (log_q - log_m);
          mixed += P * Q / mix;
        }
      }
      add(s.acceptance[j], q, acceptance);
      add(s.tvd[j], q, tvd);
      add(s.sign[j], q, sign);
      add(s.reward[j], q, reward);
      add(s.count[j], q, count);
      add(s.reward_log[j], q, reward_log);
      add(s.log_sum[j], q, log_sum);
      add(s.forward[j], q, forward);
      add(s.reverse[j], q, reverse);
      add(s.mixed[j], q, mixed);
    }
  }
}

// Draws from the draft for the rows of one panel, along one part of the vocabulary: the places where the running sum of
// q passes each point. A part begins at the mass before it; a gap before the next part's mass, due to rounding, belongs
// to its last token.
class Draws {
 public:
  void begin(const HeadStatistics& s, long first, long n, const float* mass_before, const float* mass_after, const float* total) {
    s_ = &s;
    first_ = first;
    n_ = n;
    for (long c = 0; c < COLS; c++) {
      sum_[c] = mass_before[c];
      end_[c] = mass_after[c];
      next_[c] = c < n ? 0 : s.samples;
      const double u = c < n ? static_cast<double>(s.uniform[first + c]) * static_cast<double>(s.samples) : 0;
      offset_[c] = u - std::floor(u);
      total_[c] = total[c];
      while (next_[c] < s.samples && point(c) < mass_before[c]) next_[c]++;
      look(c);
    }
  }
  void tile(const float* const z[MODELS], const Lane lse[MODELS], long v, long rows, bool last) {
    for (int q = 0; q < 2; q++) {
      const int at = q * LANES;
      const vf lq = load(lse[DRAFT] + at);
      vf sum = load(sum_ + at), points = load(at_ + at);
      for (long r = 0; r < rows; r++) {
        sum += vexp(load(z[DRAFT] + r * COLS + at) - lq);
        const vi passed = sum > points;
        bool any = false;
        for (int i = 0; i < LANES; i++) any |= passed[i] != 0;
        if (!any) continue;
        for (int i = 0; i < LANES; i++)
          while (sum[i] > at_[at + i]) take(at + i, z, lse, v, r);
        points = load(at_ + at);
      }
      store(sum_ + at, sum);
    }
    if (last)
      for (long c = 0; c < n_; c++)
        while (at_[c] < HUGE_VALF) take(c, z, lse, v, rows - 1);
  }

 private:
  float point(long c) const {
    return static_cast<float>((offset_[c] + static_cast<double>(next_[c])) / static_cast<double>(s_->samples) * static_cast<double>(total_[c]));
  }
  void take(long c, const float* const z[MODELS], const Lane lse[MODELS], long v, long r) {
    const long to = (first_ + c) * s_->samples + next_[c];
    const float log_q = z[DRAFT][r * COLS + c] - lse[DRAFT][c], log_p = z[TARGET][r * COLS + c] - lse[TARGET][c];
    s_->drawn[to] = static_cast<int32_t>(v + r);
    s_->drawn_log[to] = log_q;
    s_->drawn_reward[to] = log_p > log_q ? 1.f : 0.f;
    next_[c]++;
    look(c);
  }
  // The next point, if it belongs to this part: from its beginning to below the beginning of the next one, so that
  // every point has one part.
  void look(long c) {
    const float x = next_[c] < s_->samples ? point(c) : HUGE_VALF;
    at_[c] = x < end_[c] ? x : HUGE_VALF;
  }
  const HeadStatistics* s_ = nullptr;
  long first_ = 0, n_ = 0;
  Lane sum_, end_, at_, total_;
  double offset_[COLS];
  long next_[COLS];
};

// The gold token's logits, for rows of the panel whose gold token is in this block.
void pick_gold(const Wanted& w, const float* const z[MODELS], const int32_t* gold, long n, long v0, long rows, First& s) {
  for (long c = 0; c < n; c++) {
    const long r = gold[c] - v0;
    if (r < 0 || r >= rows) continue;
    for (int m = 0; m < MODELS; m++)
      if (w.gold[m]) s.gold[m][c] = z[m][r * COLS + c];
  }
}

// Merges part b of the vocabulary into a: maxima first, then every sum scaled to the common one.
void merge(First& a, const First& b) {
  for (int c = 0; c < COLS; c++) {
    float fa[MODELS], fb[MODELS];
    for (int m = 0; m < MODELS; m++) {
      const float ma = a.max[m][c], mb = b.max[m][c], top = ma > mb ? ma : mb;
      if (mb > ma) a.argmax[m][c] = b.argmax[m][c];
      fa[m] = std::exp(ma - top);
      fb[m] = std::exp(mb - top);
      const float sa = a.sum[m][c], sb = b.sum[m][c];
      a.spread[m][c] = fa[m] * (a.spread[m][c] + (sa > 0 ? sa * (ma - top) : 0)) + fb[m] * (b.spread[m][c] + (sb > 0 ? sb * (mb - top) : 0));
      a.sum[m][c] = sa * fa[m] + sb * fb[m];
      a.max[m][c] = top;
      a.gold[m][c] += b.gold[m][c];
    }
    for (int j = 0; j < 2; j++) {
      const int m = j + 1;
      a.kl[j][c] = a.kl[j][c] * fa[TARGET] + b.kl[j][c] * fb[TARGET];
      a.reverse[j][c] = a.reverse[j][c] * fa[m] + b.reverse[j][c] * fb[m];
      a.hellinger[j][c] = a.hellinger[j][c] * std::sqrt(fa[TARGET] * fa[m]) + b.hellinger[j][c] * std::sqrt(fb[TARGET] * fb[m]);
    }
  }
}

void merge(Low& a, const Low& b) {
  for (int j = 0; j < 2; j++)
    for (int c = 0; c < COLS; c++) {
      const float top = std::max(a.max[j][c], b.max[j][c]), fa = std::exp(a.max[j][c] - top), fb = std::exp(b.max[j][c] - top);
      a.max[j][c] = top;
      a.sum[j][c] = a.sum[j][c] * fa + b.sum[j][c] * fb;
      a.below[j][c] = a.below[j][c] * fa + b.below[j][c] * fb;
    }
}

inline float at_least_0(float x) { return x < 0 ? 0 : x; }  // A divergence of equal distributions may round below 0; NaN stays.

// Writes the results of the first pass for the n rows of a panel, from row `first` of the outputs on.
void write_first(const HeadStatistics& s, const Wanted& w, const First& sums, Lane lse[MODELS], long first, long n) {
  for (long c = 0; c < n; c++) {
    const long i = first + c;
    for (int m = 0; m < MODELS; m++) {
      if (!w.model[m]) continue;
      const HeadOfModel& o = model_of(s, m);
      const float log_sum = std::log(sums.sum[m][c]);
      lse[m][c] = sums.max[m][c] + log_sum;
      if (o.log_sum_exp) o.log_sum_exp[i] = lse[m][c];
      if (o.nll) o.nll[i] = lse[m][c] - sums.gold[m][c];
      if (o.entropy) o.entropy[i] = log_sum - sums.spread[m][c] / sums.sum[m][c];
      if (o.top) o.top[i] = 1 / sums.sum[m][c];
      if (o.argmax) o.argmax[i] = sums.argmax[m][c];
    }
    for (int j = 0; j < 2; j++) {
      const HeadOfPair& o = pair_of(s, j);
      const int m = j + 1;
      if (o.kl) o.kl[i] = sums.kl[j][c] / sums.sum[TARGET][c] - lse[TARGET][c] + lse[m][c];
      if (o.reverse_kl) o.reverse_kl[i] = sums.reverse[j][c] / sums.sum[m][c] - lse[m][c] + lse[TARGET][c];
      if (o.hellinger) o.hellinger[i] = std::sqrt(at_least_0(1 - sums.hellinger[j][c] / std::sqrt(sums.sum[TARGET][c] * sums.sum[m][c])));
    }
  }
}

void write_low(const HeadStatistics& s, const Low& low, long first, long n) {
  for (int j = 0; j < 2; j++) {
    const HeadOfPair& o = pair_of(s, j);
    for (long c = 0; c < n; c++) {
      if (o.log_acceptance) o.log_acceptance[first + c] = std::min(0.f, low.max[j][c] + std::log(low.sum[j][c]));
      if (o.below) o.below[first + c] = low.below[j][c] / low.sum[j][c];
    }
  }
}

void write_second(const HeadStatistics& s, const Second& sums, long first, long n) {
  for (int j = 0; j < 2; j++) {
    const HeadOfPair& o = pair_of(s, j);
    const struct {
      float* to;
      const float* from;
    } columns[] = {{o.acceptance, sums.acceptance[j]}, {o.tvd, sums.tvd[j]},           {o.sign, sums.sign[j]},
                   {o.reward, sums.reward[j]},         {o.reward_count, sums.count[j]}, {o.reward_log, sums.reward_log[j]},
                   {o.log_sum, sums.log_sum[j]},       {o.jsd_forward, sums.forward[j]}, {o.jsd_reverse, sums.reverse[j]},
                   {o.mixed, sums.mixed[j]}};
    for (const auto& column : columns)
      if (column.to) std::memcpy(column.to + first, column.from, n * sizeof(float));
  }
}

template <class P>
void statistics(const HeadStatistics& s) {
  const Wanted w = wanted(s);
  const float scale = static_cast<float>(1 / s.temperature);
  const long parts = head_parts(s.V);
  PackedHidden<P> hidden[MODELS];
  std::vector<First> firsts;
  std::vector<Second> seconds;
  std::vector<Low> lows;
  Entries entries;
  for (long row = 0; row < s.N; row += HEAD_ROWS) {
    const long n = std::min<long>(HEAD_ROWS, s.N - row), J = panels(n);
    for (int m = 0; m < MODELS; m++)
      if (w.model[m]) hidden[m].pack(side_of(s, m), row, n, scale);

    if (s.k > 0) entries.sort(s.ids + row * s.k, n, s.k);

    // Runs `use(tile, panel, first id, rows)` over all tiles of a part of the vocabulary.
    const auto tiles = [&](long part, const auto& use) {
      static thread_local Buffer blocks[MODELS], logits;
      float* z = logits.of<float>(MODELS * HEAD_TILE * COLS);
      const float* const zs[MODELS] = {z, z + HEAD_TILE * COLS, z + 2 * HEAD_TILE * COLS};
      const long v1 = part_begin(s.V, parts, part + 1, HEAD_TILE);
      for (long v = part_begin(s.V, parts, part, HEAD_TILE); v < v1; v += HEAD_TILE) {
        const long rows = std::min<long>(HEAD_TILE, v1 - v);
        const typename P::unit* block[MODELS] = {};
        for (int m = 0; m < MODELS; m++)
          if (w.model[m]) block[m] = head_block<P>(side_of(s, m), v, rows, blocks[m]);
        for (long j = 0; j < J; j++) {
          for (int m = 0; m < MODELS; m++)
            if (w.model[m])
              strip<P>(rows, hidden[m].u(), block[m], P::PER == 1 ? hidden[m].d() : hidden[m].u(), hidden[m].panel(j),
                       z + m * HEAD_TILE * COLS, COLS, false);
          use(zs, j, v, rows);
        }
      }
    };

    firsts.resize(parts * J);
    parallel(parts, [&](long part) {
      static thread_local Buffer exponentials;
      static thread_local Entries::Cursor cursor;
      float* e = exponentials.of<float>(MODELS * HEAD_TILE * COLS);
      First* mine = firsts.data() + part * J;
      for (long j = 0; j < J; j++) mine[j].clear();
      if (s.k > 0) cursor.begin(entries, n, part_begin(s.V, parts, part, HEAD_TILE));
      tiles(part, [&](const float* const* z, long j, long v, long rows) {
        if (s.k > 0) {
          float* zq = const_cast<float*>(z[DRAFT]);  // The tile belongs to this thread.
          for (long c = 0; c < std::min<long>(COLS, n - j * COLS); c++) {
            float* const to = s.entry_logits + (row + j * COLS + c) * s.k;
            int32_t last = -1;
            float value = 0;
            cursor.upto(j * COLS + c, v + rows, [&](int32_t id, int32_t slot) {
              float& x = zq[(id - v) * COLS + c];
              if (id != last) value = x;
              last = id;
              to[slot] = value;
              if (s.exclude) x = LOWEST;
            });
          }
        }
        first_tile(w, z, e, rows, v, mine[j]);
        if (s.gold) pick_gold(w, z, s.gold + row + j * COLS, std::min<long>(COLS, n - j * COLS), v, rows, mine[j]);
      });
    });
    std::vector<float> before(s.samples > 0 ? (parts + 1) * J * COLS : 0);  // The draft's mass before each part.
    std::vector<float> lse(static_cast<size_t>(J) * MODELS * COLS);
    const auto lse_of = [&](long j) { return reinterpret_cast<Lane*>(lse.data() + j * MODELS * COLS); };
    parallel(J, [&](long j) {
      const First whole = firsts[j];  // A copy of part 0, before the others are added.
      for (long part = 1; part < parts; part++) merge(firsts[j], firsts[part * J + j]);
      write_first(s, w, firsts[j], lse_of(j), row + j * COLS, std::min<long>(COLS, n - j * COLS));
      if (s.samples > 0)
        for (long c = 0; c < COLS; c++) {
          double mass = 0;
          for (long part = 0; part < parts; part++) {
            const First& f = part == 0 ? whole : firsts[part * J + j];
            before[(part * J + j) * COLS + c] = static_cast<float>(mass);
            mass += static_cast<double>(f.sum[DRAFT][c]) * std::exp(static_cast<double>(f.max[DRAFT][c]) - lse_of(j)[DRAFT][c]);
          }
          before[(parts * J + j) * COLS + c] = static_cast<float>(mass);
        }
    });

    if (!w.second) continue;
    seconds.assign(parts * J, Second{});
    if (w.low_any) lows.resize(parts * J);
    for (Low& low : lows) low.clear();
    parallel(parts, [&](long part) {
      std::vector<Draws> draws(s.samples > 0 ? J : 0);
      for (long j = 0; j < static_cast<long>(draws.size()); j++) {
        const float* total = before.data() + (parts * J + j) * COLS;
        // The last part's end is beyond every point.
        static const std::vector<float> beyond(COLS, HUGE_VALF);
        const float* end = part + 1 < parts ? before.data() + ((part + 1) * J + j) * COLS : beyond.data();
        draws[j].begin(s, row + j * COLS, std::min<long>(COLS, n - j * COLS), before.data() + (part * J + j) * COLS, end, total);
      }
      const long v1 = part_begin(s.V, parts, part + 1, HEAD_TILE);
      tiles(part, [&](const float* const* z, long j, long v, long rows) {
        if (s.samples > 0) draws[j].tile(z, lse_of(j), v, rows, v + rows == v1);
        second_tile(w, z, lse_of(j), static_cast<float>(s.beta), rows, seconds[part * J + j],
                    w.low_any ? &lows[part * J + j] : nullptr);
      });
    });
    for (long j = 0; j < J; j++) {
      constexpr size_t numbers = sizeof(Second) / sizeof(float);
      float* sums = reinterpret_cast<float*>(&seconds[j]);
      for (long part = 1; part < parts; part++) {
        const float* more = reinterpret_cast<const float*>(&seconds[part * J + j]);
        for (size_t i = 0; i < numbers; i++) sums[i] += more[i];
      }
      if (w.low_any) {
        for (long part = 1; part < parts; part++) merge(lows[j], lows[part * J + j]);
        write_low(s, lows[j], row + j * COLS, std::min<long>(COLS, n - j * COLS));
      }
      write_second(s, seconds[j], row + j * COLS, std::min<long>(COLS, n - j * COLS));
    }
  }
}

}  // namespace
}  // namespace winnow

// See HeadStatistics in head.h. A pair's numbers need both its models; nll needs gold, whose ids must be 0 to V - 1.
// Returns 0, or 1 if memory does not suffice.
WINNOW_API int winnow_head_statistics(const winnow::HeadStatistics* s) {
  return winnow::guarded([&] { s->precision == 1 ? winnow::statistics<winnow::BF16>(*s) : winnow::statistics<winnow::F32>(*s); });
}
