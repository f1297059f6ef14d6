// Weights in 8 bits by blocks: rounding and products against plain loops, rows alone, odd widths, heads, odd values; float16.
#include "../decode-blocks.h"

#include <algorithm>
#include <limits>

#include "../decode-head.h"
#include "../decode-linear.h"
#include "../decode.h"
#include "check.h"

using check::Random;
namespace decode = winnow::decode;

// The plain form of 32 numbers: whole numbers, and the scale; the sum of a row with another adds up block by block.
struct PlainBlock {
  float scale = 0;
  int q[32] = {};
};

// `weights`: the scale is the least bfloat16 at or above most / 127.
static std::vector<PlainBlock> plain_blocks(const float* x, long K, bool weights) {
  std::vector<PlainBlock> blocks(static_cast<size_t>((K + 31) / 32));
  for (long b = 0; b < static_cast<long>(blocks.size()); b++) {
    const long count = std::min<long>(32, K - b * 32);
    float most = 0;
    for (long k = 0; k < count; k++) most = std::max(most, std::fabs(x[b * 32 + k]));
    if (most < 1e-30f) continue;
    float scale = most / 127.f;
    if (weights) {
      float rounded = winnow::from_bf16(winnow::to_bf16(scale));
      if (rounded < scale) rounded = winnow::from_bf16(static_cast<uint16_t>(winnow::to_bf16(scale) + 1));
      scale = rounded;
    }
    blocks[b].scale = scale;
    for (long k = 0; k < count; k++) blocks[b].q[k] = static_cast<int>(std::nearbyint(x[b * 32 + k] / scale));
  }
  return blocks;
}

// Numbers of the magnitudes of weights, some blocks of zeros, some numbers far above the others.
static std::vector<float> numbers(Random& random, long n) {
  auto x = random.normals(static_cast<size_t>(n), std::exp(2 * random.normal()));
  if (random.coin(0.3))
    for (long i = random.between(0, n - 1), end = std::min(n, i + 70); i < end; i++) x[static_cast<size_t>(i)] = 0;
  if (random.coin(0.3)) x[static_cast<size_t>(random.between(0, n - 1))] *= 1000;
  if (random.coin(0.1)) std::fill(x.begin(), x.end(), 0.f);
  if (random.coin(0.1)) x[static_cast<size_t>(random.between(0, n - 1))] = 1e-38f;
  return x;
}

struct Blocks {
  void* at;
  Blocks(const std::vector<float>& w, long N, long K) : at(winnow_blocks_new(N, K)) {
    if (winnow_blocks_set(at, K, 0, N, w.data()) != -1) check::fail("finite weights were refused");
  }
  Blocks(const Blocks&) = delete;
  ~Blocks() { winnow_rounded_free(at); }
  const float* address() const { return reinterpret_cast<const float*>(reinterpret_cast<uintptr_t>(at) + 2); }
  decode::Weights weights() const { return decode::weights_at(address()); }
};

// Rounding, products, rows alone, parts of the outputs, and rows from a later one on.
static void products(Random& random) {
  const long M = random.size(40), N = random.size(150), K = random.size(300);
  const auto w = numbers(random, N * K), x = numbers(random, M * K);
  const Blocks blocks(w, N, K);
  std::vector<float> wide(static_cast<size_t>(N * K)), y(static_cast<size_t>(M * N)), alone(static_cast<size_t>(N));
  winnow_blocks_widen(blocks.at, K, 0, N, wide.data());
  const decode::Weights weights = blocks.weights();
  decode::linear(weights, N, K, x.data(), K, M, y.data(), N, {});
  std::vector<std::vector<PlainBlock>> rows;
  for (long n = 0; n < N; n++) {
    rows.push_back(plain_blocks(w.data() + n * K, K, true));
    for (long k = 0; k < K; k++) {
      const PlainBlock& b = rows.back()[static_cast<size_t>(k / 32)];
      const float expected = b.scale * static_cast<float>(b.q[k % 32]);
      check::same("a rounded weight", &wide[n * K + k], &expected, 1);
      check::near("its distance", expected, w[n * K + k], 0.5001 * b.scale + 1e-30);
    }
  }
  for (long m = 0; m < M; m++) {
    decode::linear(weights, N, K, x.data() + m * K, K, 1, alone.data(), N, {});
    check::same("a row alone", y.data() + m * N, alone.data(), static_cast<size_t>(N));
    const auto input = plain_blocks(x.data() + m * K, K, false);
    for (long n = 0; n < N; n++) {
      double sum = 0, size = 0;
      for (size_t b = 0; b < input.size(); b++) {
        long dot = 0;
        for (int k = 0; k < 32; k++) dot += static_cast<long>(input[b].q[k]) * rows[static_cast<size_t>(n)][b].q[k];
        const double scales = static_cast<double>(input[b].scale) * rows[static_cast<size_t>(n)][b].scale;
        sum += static_cast<double>(dot) * scales;
        size += std::fabs(static_cast<double>(dot) * scales);
      }
      check::near("product", y[m * N + n], sum, 1e-6 * size + 1e-37);
    }
  }
  const long n0 = random.between(0, N - 1), n1 = random.between(n0 + 1, N);
  decode::Weights later = weights;
  later.first = n0;
  std::vector<float> some(static_cast<size_t>(M * N), 7.f), from_later(static_cast<size_t>(M * N), 7.f);
  const decode::Inputs inputs(weights, weights, x.data(), K, M, K);
  inputs.times(weights, n0, n1, some.data(), N);
  inputs.times(later, 0, n1 - n0, from_later.data(), N);
  const float untouched = 7;
  for (long m = 0; m < M; m++)
    for (long n = 0; n < N; n++) {
      const bool asked = n >= n0 && n < n1;
      check::same("a part of the outputs", &some[m * N + n], asked ? &y[m * N + n] : &untouched, 1);
      check::same("rows from a later one", &from_later[m * N + n], n < n1 - n0 ? &y[m * N + n + n0] : &untouched, 1);
    }
}

// Epilogues, gates of two matrices, of one, and of two kinds.
static void gates(Random& random) {
  const long M = random.size(20), N = random.size(100), K = random.size(100);
  const auto both = numbers(random, 2 * N * K), x = random.normals(static_cast<size_t>(M * K), 0.3);
  const std::vector<float> first(both.begin(), both.begin() + N * K), second(both.begin() + N * K, both.end());
  const Blocks gate(first, N, K), up(second, N, K), one(both, 2 * N, K);
  const size_t size = static_cast<size_t>(M * N);
  std::vector<float> y(size), g(size), u(size), together(size), mixed(size), plain(size);
  decode::linear(gate.weights(), N, K, x.data(), K, M, g.data(), N, {nullptr, decode::Activation::SILU, nullptr});
  decode::linear(up.weights(), N, K, x.data(), K, M, u.data(), N, {});
  const auto silu = decode::Activation::SILU;
  decode::gated(gate.weights(), up.weights(), nullptr, nullptr, silu, N, K, x.data(), K, M, y.data(), N);
  for (size_t i = 0; i < size; i++) check::near("gate", y[i], static_cast<double>(g[i]) * u[i], 1e-6 * std::fabs(static_cast<double>(g[i]) * u[i]) + 1e-37);
  decode::Weights rest = one.weights();
  rest.first = N;
  decode::gated(one.weights(), rest, nullptr, nullptr, silu, N, K, x.data(), K, M, together.data(), N);
  check::same("a gate of one matrix", together.data(), y.data(), size);
  decode::gated({first.data()}, up.weights(), nullptr, nullptr, silu, N, K, x.data(), K, M, mixed.data(), N);
  decode::linear({first.data()}, N, K, x.data(), K, M, plain.data(), N, {nullptr, silu, nullptr});
  for (size_t i = 0; i < size; i++) check::near("two kinds", mixed[i], static_cast<double>(plain[i]) * u[i], 1e-6 * std::fabs(static_cast<double>(plain[i]) * u[i]) + 1e-37);
}

// The choice and the margin are those of the logits; a row of inputs that is not finite has no logit that is a number.
static void heads(Random& random) {
  const long V = random.size(3000), d = random.size(200), R = random.size(12);
  auto w = numbers(random, V * d), h = numbers(random, R * d);
  if (random.coin()) std::copy(w.begin(), w.begin() + d, w.begin() + random.between(0, V - 1) * d);  // equal rows
  const Blocks head(w, V, d);
  std::vector<float> logits(static_cast<size_t>(R * V)), margin(static_cast<size_t>(R));
  std::vector<int32_t> argmax(static_cast<size_t>(R));
  decode::linear(head.weights(), V, d, h.data(), d, R, logits.data(), V, {});
  decode::greedy(head.weights(), V, d, nullptr, h.data(), R, winnow::SoftCap(0), argmax.data(), margin.data());
  for (long r = 0; r < R; r++) {
    const float* row = logits.data() + r * V;
    long best = 0;
    for (long v = 1; v < V; v++)
      if (row[v] > row[best]) best = v;
    check::near("a choice", argmax[r], static_cast<double>(best), 0);
    float second = -std::numeric_limits<float>::infinity();
    for (long v = 0; v < V; v++)
      if (v != best) second = std::max(second, row[v]);
    const float expected = V == 1 ? std::numeric_limits<float>::infinity() : row[best] - second;
    check::same("a margin", &margin[r], &expected, 1);
  }
  const float infinity = std::numeric_limits<float>::infinity(), odd[] = {infinity, -infinity, std::nanf("")};
  h[static_cast<size_t>(random.between(0, d - 1))] = odd[random.between(0, 2)];
  decode::linear(head.weights(), V, d, h.data(), d, R, logits.data(), V, {});
  for (long v = 0; v < V; v++)
    if (!std::isnan(logits[static_cast<size_t>(v)])) check::fail("logit %ld of an input that is not finite is %g", v, logits[static_cast<size_t>(v)]);
}

// Rows set in pieces, the first odd value, memory.
static void setting(Random& random) {
  const long N = random.size(150), K = random.size(200);
  const int64_t live = winnow_decode_live(), bytes = winnow_decode_live_bytes();
  {
    auto w = numbers(random, N * K);
    const Blocks whole(w, N, K);
    void* pieces = winnow_blocks_new(N, K);
    for (long n = 0; n < N;) {
      const long rows = random.between(1, N - n);
      if (winnow_blocks_set(pieces, K, n, rows, w.data() + n * K) != -1) check::fail("finite weights were refused");
      n += rows;
    }
    std::vector<float> one(w.size()), other(w.size());
    const long from = random.between(0, N - 1);
    winnow_blocks_widen(whole.at, K, 0, N, one.data());
    winnow_blocks_widen(pieces, K, from, N - from, other.data());
    check::same("rows set in pieces", other.data(), one.data() + from * K, static_cast<size_t>((N - from) * K));
    const float infinity = std::numeric_limits<float>::infinity(), odd[] = {infinity, -infinity, std::nanf("")};
    const long at = random.between(0, N * K - 1);
    w[static_cast<size_t>(at)] = odd[random.between(0, 2)];
    w[static_cast<size_t>(random.between(at, N * K - 1))] = infinity;
    const auto* bits = reinterpret_cast<const uint32_t*>(w.data());
    if (winnow_floats_not_finite(bits, N * K) != at || winnow_floats_not_finite(bits, at) != -1) check::fail("of floats the first odd value was not found");
    if (winnow_blocks_set(pieces, K, 0, N, w.data()) != at) check::fail("the first value that is not finite was not found");
    winnow_rounded_free(pieces);
  }
  if (winnow_decode_live() != live || winnow_decode_live_bytes() != bytes) check::fail("blocks were not freed");
}

// float16 of chosen kinds: zeros, the least and the largest subnormal, the least and the largest normal, one, infinities, NaN.
static void float16(Random& random) {
  const uint16_t half[] = {0, 0x8000, 1, 0x03ff, 0x0400, 0x7bff, 0xfbff, 0x3c00, 0x7c00, 0xfc00, 0x7e01};
  const float infinity = std::numeric_limits<float>::infinity();
  const float values[] = {0.f, -0.f, 0x1p-24f, 1023 * 0x1p-24f, 0x1p-14f, 65504.f, -65504.f, 1.f, infinity, -infinity, std::nanf("")};
  const long n = random.between(1, 1 << random.between(1, 19));
  std::vector<uint16_t> from(static_cast<size_t>(n));
  std::vector<float> to(from.size());
  std::vector<size_t> kind(from.size());
  for (size_t i = 0; i < from.size(); i++) from[i] = half[kind[i] = static_cast<size_t>(random.between(0, 10))];
  winnow_float16_widen(from.data(), n, to.data());
  for (size_t i = 0; i < from.size(); i++) {
    const float expected = values[kind[i]];
    const bool same = std::isnan(expected) ? std::isnan(to[i]) : to[i] == expected && std::signbit(to[i]) == std::signbit(expected);
    if (!same) check::fail("float16 %04x is %g, expected %g", from[i], to[i], expected);
  }
}

int main(int argc, char** argv) {
  return check::run(argc, argv, {{"products of blocks", products}, {"gates of blocks", gates}, {"heads of blocks", heads}, {"setting blocks", setting}, {"float16", float16}});
}
