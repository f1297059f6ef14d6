// Sums over the vocabulary for the rows of a panel: their state, one tile of logits at a time, and the merging of parts.
#pragma once
#include <cmath>
#include <cstring>

#include "head-wanted.h"

namespace winnow {

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
inline void first_tile(const Wanted& w, const float* const z[MODELS], float* e, long rows, long v0, First& s) {
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
inline void low_tile(const float* zp, const float* zq, vf lp, vf lq, long rows, int j, int at, Low& low) {
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
inline void second_tile(const Wanted& w, const float* const z[MODELS], const Lane lse[MODELS], float beta, long rows, Second& s, Low* low) {
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

// The gold token's logits, for rows of the panel whose gold token is in this block.
inline void pick_gold(const Wanted& w, const float* const z[MODELS], const int32_t* gold, long n, long v0, long rows, First& s) {
  for (long c = 0; c < n; c++) {
    const long r = gold[c] - v0;
    if (r < 0 || r >= rows) continue;
    for (int m = 0; m < MODELS; m++)
      if (w.gold[m]) s.gold[m][c] = z[m][r * COLS + c];
  }
}

// Merges part b of the vocabulary into a: maxima first, then every sum scaled to the common one.
inline void merge(First& a, const First& b) {
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

inline void merge(Low& a, const Low& b) {
  for (int j = 0; j < 2; j++)
    for (int c = 0; c < COLS; c++) {
      const float top = std::max(a.max[j][c], b.max[j][c]), fa = std::exp(a.max[j][c] - top), fb = std::exp(b.max[j][c] - top);
      a.max[j][c] = top;
      a.sum[j][c] = a.sum[j][c] * fa + b.sum[j][c] * fb;
      a.below[j][c] = a.below[j][c] * fa + b.below[j][c] * fb;
    }
}

}  // namespace winnow
