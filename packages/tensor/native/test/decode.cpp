// Decoding: products of few rows, the screened head, whole decoders however a text is cut, distributions.
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
  std::vector<float> margin(static_cast<size_t>(M)), other(margin);
  std::vector<int32_t> argmax(static_cast<size_t>(M)), best(argmax);
  for (const decode::Screen* by : {static_cast<const decode::Screen*>(nullptr), &screen}) {
    decode::greedy(w, N, K, by, x.data(), M, argmax.data(), margin.data());
    decode::greedy(same, N, K, nullptr, x.data(), M, best.data(), other.data());
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
    decode::greedy({head.data()}, V, d, screened ? &screen : nullptr, h.data(), R, argmax.data(), margins ? margin.data() : nullptr);
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
      const float expected = V == 1 ? infinity : first - second;
      if (margins && !std::isnan(expected)) check::same(screened ? "margin, screened" : "margin", &margin[r], &expected, 1);
    }
  }
}

// A random program of a family with its parameters: Llama, Gemma, GPT-NeoX, or GPT-2 with learned positions and heads not
// rotated.
struct Model {
  long d, columns, V, layers, Q, G, h, rotated;  // columns of a hidden state: d, and one more for a bias of the head
  bool llama, gemma, learned;
  std::vector<double> words;
  std::vector<std::vector<float>> parameters;
  std::vector<float> cos, sin;
  float scale;
  bool round, eight;          // weights of products in bfloat16, or all matrices in 8 bits
  std::vector<void*> copies;  // of those, else null

  explicit Model(Random& random) {
    llama = random.coin();
    gemma = llama && random.coin();  // norms of outputs, scales that are one more, another gate, a scaled embedding
    learned = !llama && random.coin();
    round = random.coin();
    eight = !round && random.coin();
    h = 2 * random.size(20);
    G = random.between(1, 3);
    Q = llama ? G * random.between(1, 3) : G;
    d = random.size(60);
    columns = d + random.coin();
    V = random.size(100) + 1;
    layers = random.between(1, 2);
    rotated = learned ? 0 : 2 * random.between(1, h / 2);
    scale = std::pow(static_cast<float>(h), -0.25f);
    const long m = random.size(70), packed = (Q + 2 * G) * h;
    for (long t = 0; t < 400; t++)
      for (long i = 0; i < rotated / 2; i++) {
        const double angle = static_cast<double>(t) * std::pow(10000.0, -2.0 * static_cast<double>(i) / static_cast<double>(rotated));
        cos.push_back(scale * static_cast<float>(std::cos(angle)));
        sin.push_back(scale * static_cast<float>(std::sin(angle)));
      }
    const std::vector<long> widths = {d, d, packed, Q * h, m, d};
    std::vector<std::vector<double>> code;
    auto weight = [&](long outputs, long inputs) {
      parameters.push_back(random.normals(static_cast<size_t>(outputs * inputs), 1 / std::sqrt(static_cast<double>(inputs))));
      copies.push_back(nullptr);
      return static_cast<double>(parameters.size() - 1);
    };
    auto matrix = [&](long outputs, long inputs) {
      const double p = weight(outputs, inputs);
      if (round) copies.back() = winnow_rounded_new(parameters.back().data(), outputs, inputs);
      if (eight) {
        copies.back() = winnow_blocks_new(outputs, inputs);
        winnow_blocks_set(copies.back(), inputs, 0, outputs, parameters.back().data());
      }
      return p;
    };
    auto add = [&](double op, double from, double to, std::vector<double> p, double outputs = 0, double flags = 0, double layer = 0,
                   double eps = 1e-5, double column = 0) {
      p.resize(4, -1);
      code.push_back({op, from, to, p[0], p[1], p[2], p[3], outputs, flags, column, eps, layer});
    };
    auto norm = [&](double from, double to, bool added = false) {
      const double gain = weight(1, d);
      if (llama) add(2, from, to, {gain}, 0, (gemma ? 8 : 0) + (added ? 2 : 0));
      else add(1, from, to, {gain, weight(1, d)});
    };
    const double table = eight ? matrix(V, d) : weight(V, d);
    if (learned) add(0, -1, 0, {table, weight(400, d)}, d, 0, 0, 1);
    else add(0, -1, 0, {table}, d, 0, 0, gemma ? std::sqrt(static_cast<double>(d)) : 1);
    const double activation = learned ? 4 : 1;
    for (long l = 0; l < layers; l++) {
      norm(0, 1);
      add(3, 1, 2, {matrix(packed, d), weight(1, packed)}, static_cast<double>(packed));
      if (llama && random.coin()) add(6, 2, 2, {weight(1, h), weight(1, h)}, 0, gemma ? 8 : 0);
      const double window = random.coin() ? 0 : static_cast<double>(random.between(1, 40));
      add(5, 2, 3, {0}, static_cast<double>(rotated), 0, static_cast<double>(l), scale, window);
      add(3, 3, gemma ? 5 : 0, {matrix(d, Q * h)}, static_cast<double>(d), gemma ? 0 : 2);
      if (gemma) norm(5, 0, true);
      norm(0, 1);
      const double by = gemma ? 4 : 0;
      if (llama && random.coin()) add(4, 1, 4, {matrix(2 * m, d), -1, weight(1, 2 * m)}, static_cast<double>(m), by);
      else if (llama) add(4, 1, 4, {matrix(m, d), matrix(m, d)}, static_cast<double>(m), by);
      else add(3, 1, 4, {matrix(m, d), weight(1, m)}, static_cast<double>(m), activation);
      add(3, 4, gemma ? 5 : 0, {matrix(d, m)}, static_cast<double>(d), gemma ? 0 : 2);
      if (gemma) norm(5, 0, true);
    }
    norm(0, -1);
    words = {double(columns), double(V), double(V), double(layers), double(Q), double(G), double(h), llama ? 0. : 1., 1,
             double(widths.size()), double(code.size())};
    for (long width : widths) words.push_back(static_cast<double>(width));
    for (const auto& line : code) words.insert(words.end(), line.begin(), line.end());
  }

  Model(const Model&) = delete;
  ~Model() {
    for (void* copy : copies) winnow_rounded_free(copy);
  }

  void* decoder() const {
    void* made = winnow_decode_new(words.data(), static_cast<int64_t>(words.size()));
    std::vector<double> addresses;
    for (const auto& p : parameters) addresses.push_back(static_cast<double>(reinterpret_cast<uintptr_t>(p.data())));
    for (size_t i = 0; i < parameters.size(); i++)
      if (copies[i]) addresses[i] = static_cast<double>(reinterpret_cast<uintptr_t>(copies[i]) + (eight ? 2 : 0));
    winnow_decode_bind(made, addresses.data(), static_cast<int64_t>(addresses.size()), round);
    if (rotated > 0) winnow_decode_rotary(made, 0, cos.data(), sin.data(), static_cast<int64_t>(cos.size()));
    return made;
  }
};

// One text in one call, and the same in a padded batch, in pieces, with tokens that are taken back: the same bits.
static void cuts(Random& random) {
  const Model model(random);
  const long T = random.size(90), B = random.between(1, 5), d = model.columns;
  const int64_t live = winnow_decode_live(), bytes = winnow_decode_live_bytes();
  std::vector<std::vector<int32_t>> texts(static_cast<size_t>(B));
  std::vector<int32_t> pad;
  for (auto& text : texts) {
    pad.push_back(static_cast<int32_t>(random.coin() ? 0 : random.between(0, T - 1)));
    for (long t = 0; t < T; t++) text.push_back(static_cast<int32_t>(random.between(0, model.V - 1)));
  }
  std::vector<float> whole(static_cast<size_t>(B * T * d));
  void* alone = model.decoder();
  for (long b = 0; b < B; b++) {
    winnow_decode_start(alone, 1, nullptr);
    const int32_t* from = texts[static_cast<size_t>(b)].data() + pad[static_cast<size_t>(b)];
    const long length = T - pad[static_cast<size_t>(b)];
    if (winnow_decode_extend(alone, from, length, length, whole.data() + (b * T + pad[static_cast<size_t>(b)]) * d) != 0)
      check::fail("extend of %ld positions failed", length);
  }
  void* batch = model.decoder();
  winnow_decode_start(batch, B, pad.data());
  for (long t = 0; t < T;) {
    const long step = std::min(random.size(T), T - t), rows = random.between(1, step);
    std::vector<int32_t> ids(static_cast<size_t>(B * step));
    if (random.coin()) {  // tokens that are not of the text, taken back
      for (auto& id : ids) id = static_cast<int32_t>(random.between(0, model.V - 1));
      winnow_decode_extend(batch, ids.data(), step, 1, nullptr);
      winnow_decode_rollback(batch, t);
    }
    for (long b = 0; b < B; b++) std::copy_n(texts[static_cast<size_t>(b)].data() + t, step, ids.data() + b * step);
    std::vector<float> h(static_cast<size_t>(B * rows * d));
    if (winnow_decode_extend(batch, ids.data(), step, rows, h.data()) != 0) check::fail("extend of %ld positions failed", step);
    t += step;
    for (long b = 0; b < B; b++)
      for (long r = 0; r < rows; r++) {
        const long at = t - rows + r;
        if (at >= pad[static_cast<size_t>(b)]) check::same("hidden states", h.data() + (b * rows + r) * d, whole.data() + (b * T + at) * d, static_cast<size_t>(d));
      }
  }
  std::vector<int32_t> wrong(static_cast<size_t>(B), 0);
  wrong.back() = static_cast<int32_t>(model.V);
  if (winnow_decode_extend(batch, wrong.data(), 1, 1, nullptr) != WINNOW_DECODE_BAD_ID - model.V) check::fail("an id beyond the vocabulary was taken");
  wrong.back() = -1;
  if (winnow_decode_extend(batch, wrong.data(), 1, 1, nullptr) != WINNOW_DECODE_NEGATIVE_ID) check::fail("a negative id was taken");
  winnow_decode_free(alone);
  winnow_decode_free(batch);
  if (winnow_decode_live() != live || winnow_decode_live_bytes() != bytes) check::fail("caches were not freed");
}

// Nodes of a tree, read in one call or level by level, have the bits of their paths as texts; a path that is kept is text.
static void trees(Random& random) {
  const Model model(random);
  const long d = model.columns, base = random.size(150), nodes = random.size(30);
  const int64_t live = winnow_decode_live(), bytes = winnow_decode_live_bytes();
  auto draw = [&] { return static_cast<int32_t>(random.between(0, model.V - 1)); };
  std::vector<int32_t> ids, parents;
  for (long t = 0; t < base + nodes; t++) ids.push_back(draw());
  for (long i = 0; i < nodes; i++) parents.push_back(static_cast<int32_t>(random.coin(0.4) ? i - 1 : random.between(-1, i - 1)));
  auto path_of = [&](long node) {
    std::vector<int32_t> path;
    for (long i = node; i >= 0; i = parents[static_cast<size_t>(i)]) path.insert(path.begin(), static_cast<int32_t>(i));
    return path;
  };
  auto text_of = [&](const std::vector<int32_t>& path) {
    std::vector<int32_t> text(ids.begin(), ids.begin() + base);
    for (const int32_t node : path) text.push_back(ids[static_cast<size_t>(base + node)]);
    return text;
  };
  void* alone = model.decoder();
  auto last_row = [&](const std::vector<int32_t>& text) {
    std::vector<float> h(static_cast<size_t>(d));
    winnow_decode_start(alone, 1, nullptr);
    winnow_decode_extend(alone, text.data(), static_cast<int64_t>(text.size()), 1, h.data());
    return h;
  };
  void* tree = model.decoder();
  winnow_decode_start(tree, 1, nullptr);
  const long before = random.between(0, base - 1);  // of the text, in a call of its own; the tree's first call reads the rest
  if (before > 0) winnow_decode_extend(tree, ids.data(), before, 1, nullptr);
  std::vector<float> h(static_cast<size_t>(nodes * d));
  for (long i = 0; i < nodes;) {
    const long n = random.coin() ? nodes - i : random.between(1, nodes - i), text = i == 0 ? base - before : 0;
    const int32_t* from = ids.data() + (i == 0 ? before : base + i);
    if (winnow_decode_extend_tree(tree, from, text + n, n, h.data() + i * d, parents.data() + i, n) != 0) check::fail("extend by %ld nodes failed", n);
    i += n;
  }
  for (long i = 0; i < nodes; i++) check::same("a node's hidden state", h.data() + i * d, last_row(text_of(path_of(i))).data(), static_cast<size_t>(d));
  std::vector<int32_t> path = path_of(random.between(-1, nodes - 1));
  std::vector<int32_t> text = text_of(path);
  if (path.empty() && random.coin()) winnow_decode_rollback(tree, base);
  else winnow_decode_keep(tree, path.data(), static_cast<int64_t>(path.size()));
  for (int i = 0; i < 3; i++) {
    text.push_back(draw());
    winnow_decode_extend(tree, &text.back(), 1, 1, h.data());
    check::same("a hidden state behind a path", h.data(), last_row(text).data(), static_cast<size_t>(d));
  }
  winnow_decode_free(alone);
  winnow_decode_free(tree);
  if (winnow_decode_live() != live || winnow_decode_live_bytes() != bytes) check::fail("caches were not freed");
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
  return check::run(argc, argv, {{"products of few rows", products}, {"products in bfloat16", rounded}, {"products of halves", halves}, {"gates", gates}, {"screened heads", heads}, {"texts however cut", cuts}, {"trees", trees}, {"distributions", distributions}});
}
