// Whole decoders: texts however they are cut, and trees.
#include "../decode.h"

#include <algorithm>
#include <cstdlib>

#include "../zero-pages.h"
#include "check.h"

using check::Random;

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
      add(5, 2, 3, {0}, static_cast<double>(rotated), random.coin(0.3) ? 2.5 : 0, static_cast<double>(l), scale, window);
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

// Several decoders together, each in pieces of its own with tokens that are taken back: the bits of each text alone.
static void together(Random& random) {
  const Model model(random);
  const long n = random.between(1, 6), U = random.between(1, 9), d = model.columns;
  const int64_t live = winnow_decode_live(), bytes = winnow_decode_live_bytes();
  const std::vector<float> head = random.normals(static_cast<size_t>(U * d), 1);
  struct Text {
    std::vector<int32_t> ids;
    std::vector<float> logits;  // of each position
    void* decoder;
    long read = 0;
  };
  std::vector<Text> texts(static_cast<size_t>(n));
  auto draw = [&] { return static_cast<int32_t>(random.between(0, model.V - 1)); };
  void* alone = model.decoder();
  for (Text& text : texts) {
    for (long t = random.size(random.coin(0.2) ? 300 : 60); t > 0; t--) text.ids.push_back(draw());
    const auto T = static_cast<int64_t>(text.ids.size());
    winnow_decode_start(alone, 1, nullptr);
    if (winnow_decode_extend(alone, text.ids.data(), T, T, nullptr) != 0) check::fail("extend of %ld positions failed", static_cast<long>(T));
    const float* at = winnow_decode_logits(alone, head.data(), U);
    text.logits.assign(at, at + T * U);
    text.decoder = model.decoder();
    winnow_decode_start(text.decoder, 1, nullptr);
  }
  std::vector<Text*> open;
  for (Text& text : texts) open.push_back(&text);
  while (!open.empty()) {
    std::vector<double> decoders;
    std::vector<int32_t> ids, T, rows;
    for (Text* text : open) {
      const long step = std::min(random.size(70), static_cast<long>(text->ids.size()) - text->read);
      if (random.coin(0.3)) {
        const int32_t wrong[2] = {draw(), draw()};
        winnow_decode_extend(text->decoder, wrong, 2, 1, nullptr);
        winnow_decode_rollback(text->decoder, text->read);
      }
      decoders.push_back(static_cast<double>(reinterpret_cast<uintptr_t>(text->decoder)));
      ids.insert(ids.end(), text->ids.begin() + text->read, text->ids.begin() + text->read + step);
      T.push_back(static_cast<int32_t>(step));
      rows.push_back(static_cast<int32_t>(random.between(1, step)));
      text->read += step;
    }
    const auto count = static_cast<int64_t>(open.size());
    const int32_t right = ids.back();
    ids.back() = static_cast<int32_t>(model.V);
    if (winnow_decode_extend_together(decoders.data(), count, ids.data(), T.data(), rows.data()) != WINNOW_DECODE_BAD_ID - model.V)
      check::fail("an id beyond the vocabulary was taken");
    ids.back() = right;
    if (winnow_decode_extend_together(decoders.data(), count, ids.data(), T.data(), rows.data()) != 0) check::fail("%ld decoders failed", static_cast<long>(count));
    const float* at = winnow_decode_logits(open[0]->decoder, head.data(), U);
    for (size_t i = 0; i < open.size(); i++) {
      check::same("logits", at, open[i]->logits.data() + (open[i]->read - rows[i]) * U, static_cast<size_t>(rows[i] * U));
      at += rows[i] * U;
    }
    std::rotate(open.begin(), open.begin() + 1, open.end());  // another one runs the program
    open.erase(std::remove_if(open.begin(), open.end(), [](const Text* text) { return text->read == static_cast<long>(text->ids.size()); }), open.end());
  }
  for (const Text& text : texts) winnow_decode_free(text.decoder);
  winnow_decode_free(alone);
  if (winnow_decode_live() != live || winnow_decode_live_bytes() != bytes) check::fail("caches were not freed");
}

// Freed memory waits for its size, the youngest piece first; where there is too much of it the oldest gives way.
void freed(check::Random& random) {
  winnow::FreedPieces pieces;
  const auto piece = [](size_t bytes) {
    void* memory = std::aligned_alloc(64, bytes);
    if (memory == nullptr) check::fail("no memory");
    return memory;
  };
  const size_t small = size_t{1} << 20, large = size_t{3} << 20;
  std::vector<void*> kept;
  const long count = random.between(60, 80);
  for (long i = 0; i < count; i++) {
    kept.push_back(piece(small));
    if (!pieces.keep(kept.back(), small)) {  // under a sanitizer nothing waits
      std::free(kept.back());
      return;
    }
  }
  const size_t most = pieces.held();
  if (most > small * static_cast<size_t>(count)) check::fail("more is held than was freed");
  void* other = piece(large);
  if (!pieces.keep(other, large)) check::fail("a piece of a new size did not wait");
  if (pieces.held() > std::max(most, size_t{64} << 20)) check::fail("too much is held");
  if (pieces.take(large) != other || pieces.take(large) != nullptr) check::fail("another piece than the one that waits");
  std::free(other);
  if (pieces.take(small / 2) != nullptr) check::fail("a piece of another size");
  for (size_t i = kept.size(); void* memory = pieces.take(small); std::free(memory))
    if (memory != kept[--i]) check::fail("not the youngest piece");
  if (pieces.held() != 0) check::fail("%zu bytes are left", pieces.held());
}

int main(int argc, char** argv) {
  return check::run(argc, argv, {{"texts however cut", cuts}, {"trees", trees}, {"texts together", together}, {"freed memory", freed}});
}
