#include "decode-head.h"

#include <algorithm>
#include <vector>

#include "decode-linear.h"
#include "pool.h"

namespace winnow::decode {
namespace {

// The most candidates that a screen may leave for one hidden row; with more, the whole head is read.
constexpr long MOST_CANDIDATES = 2048;

}  // namespace

long greedy(const Weights& head, long V, long d, const Screen* screen, const float* h, long R, const SoftCap& cap,
            int32_t* argmax, float* margin) {
  const auto margin_of = [&](BestTwo two) {
    if (V == 1) return std::numeric_limits<float>::infinity();
    float best[] = {two.first, two.second};
    cap.apply(best, 2);
    return best[0] - best[1];
  };
  std::vector<int32_t> ids, counts(static_cast<size_t>(R), -1);
  if (screen != nullptr) {
    ids.resize(static_cast<size_t>(R * MOST_CANDIDATES));
    screen->candidates(h, R, margin ? 2 : 1, ids.data(), MOST_CANDIDATES, counts.data());
  }
  long whole = 0;
  float logits[MOST_CANDIDATES];
  for (long r = 0; r < R; r++) {
    if (counts[static_cast<size_t>(r)] < 0) {
      whole++;
      continue;
    }
    const long count = counts[static_cast<size_t>(r)];
    const int32_t* id = ids.data() + r * MOST_CANDIDATES;
    dot_chosen(head, d, id, count, h + r * d, logits);
    BestTwo two;
    argmax[r] = 0;
    for (long c = 0; c < count; c++) {
      if (logits[c] > two.first) argmax[r] = id[c];
      two.add(logits[c]);
    }
    if (margin) margin[r] = margin_of(two);
  }
  if (whole == 0) return 0;
  // the remaining rows, side by side, over the whole head
  thread_local Buffer rest_room;
  float* rest = rest_room.of<float>(static_cast<size_t>(whole * d));
  std::vector<long> row_of;
  for (long r = 0; r < R; r++)
    if (counts[static_cast<size_t>(r)] < 0) {
      std::copy(h + r * d, h + (r + 1) * d, rest + static_cast<long>(row_of.size()) * d);
      row_of.push_back(r);
    }
  struct Best {
    BestTwo two;
    int32_t id = 0;
  };
  const Inputs inputs(head, head, rest, d, whole, d);
  const long unit = head.blocks ? TILE : 8;
  const long parts = whole * V * d < WORTH_THREADS ? 1 : std::clamp<long>(V / 64, 1, 32 * threads());
  std::vector<Best> best(static_cast<size_t>(parts * whole));
  auto part = [&](long p) {
    const long from = part_begin(V, parts, p, unit), to = part_begin(V, parts, p + 1, unit);
    if (from == to) return;
    thread_local Buffer room;
    float* values = room.of<float>(static_cast<size_t>(whole * (to - from)));
    inputs.times(head, from, to, values - from, to - from);
    for (long i = 0; i < whole; i++) {
      Best& b = best[static_cast<size_t>(p * whole + i)];
      for (long v = 0; v < to - from; v++) {
        const float x = values[i * (to - from) + v];
        if (x > b.two.first) b.id = static_cast<int32_t>(from + v);
        b.two.add(x);
      }
    }
  };
  if (parts == 1) part(0);
  else parallel(parts, part);
  for (long i = 0; i < whole; i++) {
    Best all;
    for (long p = 0; p < parts; p++) {
      const Best& b = best[static_cast<size_t>(p * whole + i)];
      if (b.two.first > all.two.first) all.id = b.id;
      all.two.add(b.two.first);
      all.two.add(b.two.second);
    }
    argmax[row_of[static_cast<size_t>(i)]] = all.id;
    if (margin) margin[row_of[static_cast<size_t>(i)]] = margin_of(all.two);
  }
  return whole;
}

}  // namespace winnow::decode

// The screened choice against plain loops, on made-up numbers.
WINNOW_API int winnow_selfcheck_decode(void) {
  constexpr long V = 300, d = 70, R = 7;
  std::vector<float> head(V * d), h(R * d);
  uint32_t state = 1;
  auto number = [&] { return static_cast<float>(static_cast<int32_t>(state = state * 1664525u + 1013904223u) >> 8) / 8388608.f; };
  for (float& x : head) x = number();
  for (float& x : h) x = number();
  const winnow::decode::Screen screen({head.data()}, V, d);
  int32_t argmax[R];
  float margin[R];
  winnow::decode::greedy({head.data()}, V, d, &screen, h.data(), R, winnow::SoftCap(0), argmax, margin);
  for (long r = 0; r < R; r++) {
    double best = -1e30, second = -1e30;
    long id = 0;
    for (long v = 0; v < V; v++) {
      double sum = 0;
      for (long k = 0; k < d; k++) sum += static_cast<double>(head[static_cast<size_t>(v * d + k)]) * h[static_cast<size_t>(r * d + k)];
      if (sum > best) {
        second = best;
        best = sum;
        id = v;
      } else if (sum > second) second = sum;
    }
    if (best - second < 1e-4) continue;
    if (argmax[r] != id) return 1;
    if (!(std::abs(margin[r] - (best - second)) < 1e-4)) return 2;
  }
  return 0;
}
