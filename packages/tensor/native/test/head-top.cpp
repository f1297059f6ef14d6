// The most probable tokens of rows against a sort of the logits in double.
#include "../head.h"

#include "check.h"
#include "head-case.h"

extern "C" int winnow_head_top(const winnow::HeadTop*);

namespace {

// The question about the target's rows, and its answer: rows of k ids, k log p, the tail.
struct Top {
  std::vector<int32_t> rows;
  winnow::HeadTop s{};

  Top(const Case& c, const Side& side, long k) : rows(c.N * (2 * k + 1), -1) {
    s.precision = c.bf16;
    s.N = c.N;
    s.V = c.V;
    s.side = side.side();
    s.k = k;
    s.stride = 2 * k + 1;
    s.ids = rows.data();
    s.log_p = reinterpret_cast<float*>(rows.data()) + k;
    s.tail = reinterpret_cast<float*>(rows.data()) + 2 * k;
    if (winnow_head_top(&s) != 0) check::fail("no memory");
  }
};

Case a_case(check::Random& random) {
  Case c(random);
  c.temperature = c.target_temperature = 1;
  if (random.coin(0.3)) {  // Candidates come and go in several parts of the vocabulary.
    c.V = random.between(400, 3000);
    c.N = std::min(c.N, 40L);
    c.target.h.resize(c.N * c.target.d);
    c.target.head = random.normals(c.V * c.target.d, 2 / std::sqrt(static_cast<double>(c.target.d)));
  }
  if (random.coin(0.2))  // Equal logits.
    for (long v = 1; v < c.V; v++)
      if (random.coin()) std::copy_n(c.target.head.data(), c.target.d, c.target.head.data() + v * c.target.d);
  return c;
}
long size_of(check::Random& random, long V) { return random.coin(0.1) ? V : random.size(std::min(V, 90L)); }

void top(check::Random& random) {
  const Case c = a_case(random);
  const long k = size_of(random, c.V);
  const Top found(c, c.target, k);
  const float* head = c.target.head.data();
  const auto same = [&](long a, long b) { return std::equal(head + a * c.target.d, head + (a + 1) * c.target.d, head + b * c.target.d); };
  for (long n = 0; n < c.N; n++) {
    const Doubles log_p = normalised(c.logits(c.target, n));
    Doubles sorted = log_p;
    std::sort(sorted.rbegin(), sorted.rend());
    const int32_t* ids = found.s.ids + n * found.s.stride;
    const float* got = found.s.log_p + n * found.s.stride;
    std::vector<bool> seen(c.V);
    double tail = 0;
    for (long j = k; j < c.V; j++) tail += std::exp(sorted[j]);
    for (long j = 0; j < k; j++) {
      if (ids[j] < 0 || ids[j] >= c.V || seen[ids[j]]) check::fail("id %ld is %d of %ld, or comes twice", j, ids[j], c.V);
      seen[ids[j]] = true;
      check::near("log p of the id", got[j], log_p[ids[j]], near_to(10));
      check::near("log p in order", got[j], sorted[j], near_to(10));  // Among near ones any order is right.
      if (j > 0 && (got[j] > got[j - 1] || (got[j] == got[j - 1] && same(ids[j], ids[j - 1]) && ids[j] < ids[j - 1])))
        check::fail("token %d comes after %d", ids[j], ids[j - 1]);
    }
    for (long v = 0; v < ids[k - 1]; v++)
      if (!seen[v] && same(v, ids[k - 1])) check::fail("token %ld is left out for its equal %d", v, ids[k - 1]);
    check::near("tail", found.s.tail[n * found.s.stride], tail, 1e-12 + 1e-4 * tail);
  }
}

void threads(check::Random& random) {
  const Case c = a_case(random);
  const long k = size_of(random, c.V);
  winnow_set_threads(1);
  const Top one(c, c.target, k);
  winnow_set_threads(static_cast<int>(random.between(2, 20)));
  const Top more(c, c.target, k);
  if (one.rows != more.rows) check::fail("other bits on more threads");
}

// A NaN in one row's hidden state appears in that row's numbers, and only there.
void specials(check::Random& random) {
  Case c = a_case(random);
  const long row = random.between(0, c.N - 1), k = size_of(random, c.V);
  c.target.h[row * c.target.d] = NAN;
  const Top found(c, c.target, k);
  for (long n = 0; n < c.N; n++)
    for (long j = 0; j < k; j++)
      if (std::isnan(found.s.log_p[n * found.s.stride + j]) != (n == row)) check::fail("log p of row %ld, and row %ld is no number", n, row);
}

}  // namespace

int main(int argc, char** argv) { return check::run(argc, argv, {{"top", top}, {"threads", threads}, {"specials", specials}}); }
