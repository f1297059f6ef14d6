// The statistics that a call asks for, as flags: the passes of head-sums.h skip the others.
#pragma once
#include "head.h"
#include "head-tiles.h"

namespace winnow {

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

inline const HeadSide& side_of(const HeadStatistics& s, int m) { return m == TARGET ? s.target : m == DRAFT ? s.draft : s.reference; }
inline const HeadOfModel& model_of(const HeadStatistics& s, int m) { return m == TARGET ? s.of_target : m == DRAFT ? s.of_draft : s.of_reference; }
inline const HeadOfPair& pair_of(const HeadStatistics& s, int j) { return j == 0 ? s.draft_pair : s.reference_pair; }

inline Wanted wanted(const HeadStatistics& s) {
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

}  // namespace winnow
