// Tokens drawn from the draft at evenly spaced points of its cumulative distribution, in one pass over the vocabulary.
#pragma once
#include <cmath>

#include "head-wanted.h"

namespace winnow {

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

}  // namespace winnow
