// Decoding: products of few rows, the screened head, distributions. Whole decoders are in decode-texts.cpp.
#include "../decode.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "../decode-head.h"
#include "../decode-linear.h"
#include "check.h"

using check::Random;
namespace decode = winnow::decode;

// Every row has the bits that it has alone, and is near the sum in double.
static void products(Random& random) {
  const bool many = random.coin(0.1);  // inputs beyond the first cache
  const long M = random.size(40), N = random.size(many ? 40 : 150), K = random.size(many ? 4000 : 300);
  const auto w = random.normals(static_cast<size_t>(N * K)), x = random.normals(static_cast<size_t>(M * K));
  const auto bias = random.normals(static_cast<size_t>(N)), before = random.normals(static_cast<size_t>(M * N));
  decode::Epilogue then;
  if (random.coin()) then.bias = bias.data();
  then.activation = static_cast<decode::Activation>(random.between(0, 3));
  auto y = before;
  const bool added = random.coin();
  if (added) then.add = y.data();
  decode::linear({w.data()}, N, K, x.data(), K, M, y.data(), N, then);
  for (long m = 0; m < M; m++) {
    std::vector<float> alone(before.begin() + m * N, before.begin() + (m + 1) * N);
    if (added) then.add = alone.data();
    decode::linear({w.data()}, N, K, x.data() + m * K, K, 1, alone.data(), N, then);
    check::same("a row alone", y.data() + m * N, alone.data(), static_cast<size_t>(N));
    for (long n = 0; n < N; n++) {
      double sum = 0, size = 0;
      for (long k = 0; k < K; k++) {
        sum += static_cast<double>(x[m * K + k]) * w[n * K + k];
        size += std::fabs(static_cast<double>(x[m * K + k]) * w[n * K + k]);
      }
      if (then.bias) sum += bias[n];
      if (then.activation == decode::Activation::GELU) sum = 0.5 * sum * std::erfc(-sum / std::sqrt(2.0));
      if (then.activation == decode::Activation::GELU_TANH)
        sum = 0.5 * sum * (1 + std::tanh(std::sqrt(2 / M_PI) * (sum + 0.044715 * sum * sum * sum)));
      if (then.activation == decode::Activation::SILU) sum = sum / (1 + std::exp(-sum));
      if (added) sum += before[m * N + n];
      check::near("product", y[m * N + n], sum, 2e-6 * (1 + size));
    }
  }
  std::vector<int32_t> chosen;
  for (long i = random.between(1, 20); i > 0; i--) chosen.push_back(static_cast<int32_t>(random.between(0, N - 1)));
  std::vector<float> all(static_cast<size_t>(N)), some(chosen.size());
  decode::dot_rows({w.data()}, K, 0, N, x.data(), K, 1, all.data(), N);
  decode::dot_chosen({w.data()}, K, chosen.data(), static_cast<long>(chosen.size()), x.data(), some.data());
  for (size_t i = 0; i < chosen.size(); i++) check::same("chosen outputs", &some[i], &all[chosen[i]], 1);
}

// Weights and inputs rounded to bfloat16: every row has the bits that it has alone, and is near the sum of rounded numbers.
static void rounded(Random& random) {
  const bool many = random.coin(0.1);  // inputs beyond the first cache
  const long M = random.size(40), N = random.size(many ? 40 : 150), K = random.size(many ? 4000 : 300);
  const auto w = random.normals(static_cast<size_t>(N * K)), x = random.normals(static_cast<size_t>(M * K));
  void* copy = winnow_rounded_new(w.data(), N, K);
  const decode::Weights weights{nullptr, static_cast<const uint16_t*>(copy)};
  std::vector<float> y(static_cast<size_t>(M * N)), alone(static_cast<size_t>(N));
  decode::linear(weights, N, K, x.data(), K, M, y.data(), N, {});
  auto near = [](float v) { return static_cast<double>(winnow::from_bf16(winnow::to_bf16(v))); };
  for (long m = 0; m < M; m++) {
    decode::linear(weights, N, K, x.data() + m * K, K, 1, alone.data(), N, {});
    check::same("a row alone", y.data() + m * N, alone.data(), static_cast<size_t>(N));
    for (long n = 0; n < N; n++) {
      double sum = 0, size = 1;
      for (long k = 0; k < K; k++) {
        sum += near(x[m * K + k]) * near(w[n * K + k]);
        size += std::fabs(near(x[m * K + k]) * near(w[n * K + k]));
      }
      check::near("product of rounded", y[m * N + n], sum, 2e-6 * size);
    }
  }
  winnow_rounded_free(copy);
}

// Halves: every product, choice and table has the bits of the same numbers in float32, and the first odd value is found.
static void halves(Random& random) {
  const bool many = random.coin(0.1);  // inputs beyond the first cache
  const long M = random.size(20), N = random.size(many ? 100 : 400), K = 32 * random.between(1, many ? 60 : 9);
  const int64_t live = winnow_decode_live(), bytes = winnow_decode_live_bytes();
  auto wide = random.normals(static_cast<size_t>(N * K));
  auto* half = static_cast<uint16_t*>(winnow_halves_new(N, K));
  for (size_t i = 0; i < wide.size(); i++) wide[i] = winnow::from_bf16(half[i] = winnow::to_bf16(wide[i]));
  const auto* at = reinterpret_cast<const float*>(reinterpret_cast<uintptr_t>(half) + 1);
  const decode::Weights w = decode::weights_at(at), same = decode::weights_at(wide.data());
  const auto x = random.normals(static_cast<size_t>(M * K));
  std::vector<float> y(static_cast<size_t>(M * N)), expected(y), widened(wide);
  decode::linear(w, N, K, x.data(), K, M, y.data(), N, {});
  decode::linear(same, N, K, x.data(), K, M, expected.data(), N, {});
  check::same("a product", y.data(), expected.data(), y.size());
  decode::gated(w, same, nullptr, nullptr, decode::Activation::SILU, N, K, x.data(), K, M, y.data(), N);
  decode::gated(same, same, nullptr, nullptr, decode::Activation::SILU, N, K, x.data(), K, M, expected.data(), N);
  check::same("a gate", y.data(), expected.data(), y.size());
  const decode::Screen screen(w, N, K);
  const winnow::SoftCap cap(random.coin() ? 3 : 0);
  std::vector<float> margin(static_cast<size_t>(M)), other(margin);
  std::vector<int32_t> argmax(static_cast<size_t>(M)), best(argmax);
  for (const decode::Screen* by : {static_cast<const decode::Screen*>(nullptr), &screen}) {
    decode::greedy(w, N, K, by, x.data(), M, cap, argmax.data(), margin.data());
    decode::greedy(same, N, K, nullptr, x.data(), M, cap, best.data(), other.data());
    check::same("a margin", margin.data(), other.data(), margin.size());
    for (long m = 0; m < M; m++) check::near("a choice", argmax[m], best[m], 0);
  }
  winnow_halves_widen(half, N * K, widened.data());
  check::same("the values", widened.data(), wide.data(), wide.size());
  if (winnow_halves_not_finite(half, N * K) != -1) check::fail("a finite value was taken for another");
  const long odd = random.between(0, N * K - 1);
  half[odd] = random.coin() ? 0x7f80 : 0xffc1;
  half[random.between(odd, N * K - 1)] = 0xff80;
  if (winnow_halves_not_finite(half, N * K) != odd) check::fail("the first value that is not finite was not found");
  winnow_rounded_free(half);
  if (winnow_decode_live() != live || winnow_decode_live_bytes() != bytes) check::fail("halves were not freed");
}

static void gates(Random& random) {
  const long M = random.size(20), N = random.size(100), K = random.size(100);
  const auto gate = random.normals(static_cast<size_t>(N * K)), up = random.normals(static_cast<size_t>(N * K));
  const auto bias = random.normals(static_cast<size_t>(N)), x = random.normals(static_cast<size_t>(M * K), 0.3);
  std::vector<float> y(static_cast<size_t>(M * N));
  const bool silu = random.coin();
  const auto act = silu ? decode::Activation::SILU : decode::Activation::GELU_TANH;
  decode::gated({gate.data()}, {up.data()}, bias.data(), nullptr, act, N, K, x.data(), K, M, y.data(), N);
  for (long m = 0; m < M; m++)
    for (long n = 0; n < N; n++) {
      double g = bias[n], u = 0, size = 1;
      for (long k = 0; k < K; k++) {
        g += static_cast<double>(x[m * K + k]) * gate[n * K + k];
        u += static_cast<double>(x[m * K + k]) * up[n * K + k];
        size += std::fabs(static_cast<double>(x[m * K + k]) * up[n * K + k]);
      }
      const double wide = silu ? g : 2 * std::sqrt(2 / M_PI) * (g + 0.044715 * g * g * g);
      check::near("gate", y[m * N + n], g / (1 + std::exp(-wide)) * u, 3e-6 * size * (1 + std::fabs(g)));
    }
}

// With the screen and without, the answer is that of the float32 products, ties and near ties included.
static void heads(Random& random) {
  const long V = random.size(3000), d = random.size(300), R = random.size(12);
  auto head = random.normals(static_cast<size_t>(V * d), std::exp(random.normal()));
  auto h = random.normals(static_cast<size_t>(R * d), std::exp(3 * random.normal()));
  for (long i = random.between(0, 5); i > 0; i--) {  // equal rows, and rows that differ in the last bit
    const long from = random.between(0, V - 1), to = random.between(0, V - 1);
    std::copy(head.begin() + from * d, head.begin() + (from + 1) * d, head.begin() + to * d);
    if (random.coin()) head[to * d] = std::nextafterf(head[to * d], 10);
  }
  if (random.coin(0.3))
    for (long v = 0; v < V; v++) head[v * d] += 50 * (v % 7 == 0);  // many near the top, outliers in a column
  if (random.coin(0.1)) std::fill(h.begin(), h.begin() + d, 0.f);
  if (random.coin(0.1)) std::fill(head.begin(), head.begin() + std::min(V, 3l) * d, 0.f);
  const float infinity = std::numeric_limits<float>::infinity();
  if (random.coin(0.05)) head[static_cast<size_t>(random.between(0, V * d - 1))] = random.coin() ? infinity : -infinity;
  if (random.coin(0.05)) h[static_cast<size_t>(random.between(0, R * d - 1))] = std::nanf("");
  const decode::Screen screen({head.data()}, V, d);
  std::vector<float> logits(static_cast<size_t>(R * V)), margin(static_cast<size_t>(R));
  std::vector<int32_t> argmax(static_cast<size_t>(R));
  decode::dot_rows({head.data()}, d, 0, V, h.data(), d, R, logits.data(), V);
  for (int way = 0; way < 3; way++) {
    const bool screened = way < 2, margins = way != 1;
    const winnow::SoftCap cap(random.coin() ? static_cast<float>(std::exp(random.normal())) : 0);
    decode::greedy({head.data()}, V, d, screened ? &screen : nullptr, h.data(), R, cap, argmax.data(), margins ? margin.data() : nullptr);
    for (long r = 0; r < R; r++) {
      const float* row = logits.data() + r * V;
      long best = 0;
      float first = -infinity, second = -infinity;
      for (long v = 0; v < V; v++) {
        if (row[v] > first) best = v;
        if (row[v] > first) second = std::exchange(first, row[v]);
        else if (row[v] > second) second = row[v];
      }
      check::near(screened ? "argmax, screened" : "argmax", argmax[r], static_cast<double>(best), 0.5);
      float best_two[] = {first, second};
      if (V > 1) cap.apply(best_two, 2);
      const float expected = V == 1 ? infinity : best_two[0] - best_two[1];
      if (margins && !std::isnan(expected)) check::same(screened ? "margin, screened" : "margin", &margin[r], &expected, 1);
    }
  }
}

static void distributions(Random& random) {
  const long V = random.size(60000);
  const auto logits = random.normals(static_cast<size_t>(V), 5);
  const double temperature = std::exp(random.normal());
  std::vector<double> p(static_cast<size_t>(V));
  double top[2];
  if (winnow_softmax(logits.data(), V, temperature, p.data(), top) != 1) check::fail("refused numbers");
  const auto largest = std::max_element(logits.begin(), logits.end());
  if (top[0] != *largest || top[1] != static_cast<double>(largest - logits.begin())) check::fail("the largest is not the largest");
  long double sum = 0;  // its own rounding would show beside that of the library
  double total = 0;
  for (long v = 0; v < V; v++) sum += std::exp((static_cast<double>(logits[v]) - *largest) / temperature);
  for (long v = 0; v < V; v++) {
    const double expected = std::exp((static_cast<double>(logits[v]) - *largest) / temperature) / static_cast<double>(sum);
    check::near("probability", p[v], expected, 1e-13 * expected + 1e-300);
    total += p[v];
  }
  check::near("total", total, 1, 1e-12);
  // the best ids: those of a sort by falling logit, with their probabilities
  const long count = random.between(1, 12);
  auto tied = logits;
  for (long i = random.between(0, 3); i > 0; i--) tied[static_cast<size_t>(random.between(0, V - 1))] = *largest;
  if (random.coin(0.3)) tied[static_cast<size_t>(random.between(0, V - 1))] = -std::numeric_limits<float>::infinity();
  std::vector<int32_t> order(static_cast<size_t>(V)), best(static_cast<size_t>(2 * count));
  for (long v = 0; v < V; v++) order[static_cast<size_t>(v)] = static_cast<int32_t>(v);
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return tied[static_cast<size_t>(a)] > tied[static_cast<size_t>(b)]; });
  std::vector<double> shares(static_cast<size_t>(2 * count));
  auto twice = tied;
  twice.insert(twice.end(), tied.begin(), tied.end());
  if (winnow_likeliest(twice.data(), 2, V, temperature, count, best.data(), shares.data()) != 0) check::fail("no best ids");
  if (winnow_softmax(tied.data(), V, temperature, p.data(), top) == 1)
    for (long i = 0; i < 2 * count; i++) {
      const long rank = i % count;
      const bool there = rank < V && p[static_cast<size_t>(order[static_cast<size_t>(rank)])] > 0;
      const int32_t id = there ? order[static_cast<size_t>(rank)] : -1;
      check::near("best id", best[static_cast<size_t>(i)], id, 0.5);
      if (id >= 0) check::near("its probability", shares[static_cast<size_t>(i)], p[static_cast<size_t>(id)], 1e-5 * p[static_cast<size_t>(id)] + 1e-300);
    }
  tied[static_cast<size_t>(random.between(0, V - 1))] = std::nanf("");
  winnow_likeliest(tied.data(), 1, V, temperature, count, best.data(), shares.data());
  if (best[0] != -1) check::fail("took a NaN for the best ids");
  // draws of several rows: those of the cumulative sum of each row's distribution
  const long R = random.between(1, 6);
  std::vector<float> rows;
  std::vector<double> u(static_cast<size_t>(R));
  std::vector<int32_t> expected(static_cast<size_t>(R), -1), ids(static_cast<size_t>(R));
  for (long r = 0; r < R; r++) {
    auto row = random.normals(static_cast<size_t>(V), 5);
    u[static_cast<size_t>(r)] = random.coin(0.2) ? 1 - 0x1p-53 : random.coin(0.1) ? 0 : random.uniform();
    if (random.between(0, 4) == 0) u[static_cast<size_t>(r)] = -1;
    else if (random.between(0, 8) == 0) row[static_cast<size_t>(random.between(0, V - 1))] = std::nanf("");
    else {
      if (winnow_softmax(row.data(), V, temperature, p.data(), top) != 1) check::fail("refused numbers");
      double cumulative = 0;
      int32_t& id = expected[static_cast<size_t>(r)];
      for (long v = 0; v < V && u[static_cast<size_t>(r)] >= cumulative; v++)
        if (p[static_cast<size_t>(v)] > 0) cumulative += p[static_cast<size_t>(id = static_cast<int32_t>(v))];
    }
    rows.insert(rows.end(), row.begin(), row.end());
  }
  if (winnow_draw(rows.data(), R, V, temperature, u.data(), ids.data()) != 0) check::fail("no draws");
  if (ids != expected) check::fail("a draw is not that of the cumulative sum");
  auto broken = logits;
  broken[static_cast<size_t>(random.between(0, V - 1))] = std::nanf("");
  if (winnow_softmax(broken.data(), V, temperature, p.data(), top) != 0) check::fail("took a NaN");
  auto without = logits;
  without[0] = -std::numeric_limits<float>::infinity();
  if (V > 1 && (winnow_softmax(without.data(), V, temperature, p.data(), top) != 1 || p[0] != 0)) check::fail("-infinity has probability");
}

int main(int argc, char** argv) {
  return check::run(argc, argv, {{"products of few rows", products}, {"products in bfloat16", rounded}, {"products of halves", halves}, {"gates", gates}, {"screened heads", heads}, {"distributions", distributions}});
}
