// Statistics of rows: one streaming pass over the vocabulary, and a second for statistics of normalised probabilities.
#include <cmath>
#include <vector>

#include "guard.h"
#include "head-draws.h"
#include "head-kept.h"
#include "head-sums.h"
#include "pool.h"

namespace winnow {
namespace {

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
  const float scale = scale_of_draft(s.temperature), target_scale = scale_of_target(s.temperature, s.target_temperature);
  const long parts = head_parts(s.V);
  PackedHidden<P> hidden[MODELS];
  std::vector<First> firsts;
  std::vector<Second> seconds;
  std::vector<Low> lows;
  Entries entries;
  const KeptTiles kept(s.kept, s.kept_bytes, s.N, s.V);
  for (long row = 0; row < s.N; row += HEAD_ROWS) {
    const long n = std::min<long>(HEAD_ROWS, s.N - row), J = panels(n);
    for (int m = 0; m < MODELS; m++)
      if (w.model[m]) hidden[m].pack(side_of(s, m), row, n, m == TARGET ? target_scale : scale);

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
            if (w.model[m]) {
              float* to = z + m * HEAD_TILE * COLS;
              strip<P>(rows, hidden[m].u(), block[m], P::PER == 1 ? hidden[m].d() : hidden[m].u(), hidden[m].panel(j), to, COLS, false);
              hidden[m].finish(to, rows);
            }
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
        if (const long slot = kept.slot(v); slot >= 0) kept.put(slot, row + j * COLS, z[TARGET]);
        if (s.gold) pick_gold(w, z, s.gold + row + j * COLS, std::min<long>(COLS, n - j * COLS), v, rows, mine[j]);
      });
      stream_fence();
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
