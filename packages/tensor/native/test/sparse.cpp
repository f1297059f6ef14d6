// A target that is known in part, against the same formulas in double: rows of a cache, loss, gradient at the entries.
#include "../sparse.h"

#include "check.h"

namespace {

typedef std::vector<float> Floats;

struct Entries {
  long N, k;
  bool top;
  Floats p, log_p, tail, z, rest;
  std::vector<uint32_t> rows;  // As a cache has them.
  std::vector<int32_t> ids;

  explicit Entries(check::Random& random) : N(random.size(300)), k(random.size(80)), top(random.coin()) {
    z = random.normals(N * k, 3);
    for (long n = 0; n < N; n++) {
      // Shares of the entries and of the others, which sum to 1.
      std::vector<double> share(k + 1);
      double sum = 0;
      for (double& s : share) sum += s = std::exp(3 * random.normal());
      if (!top || random.coin(0.2)) sum -= share[k], share[k] = 0;
      for (long i = 0; i < k; i++) {
        ids.push_back(static_cast<int32_t>(random.between(0, 1000)));
        log_p.push_back(static_cast<float>(std::log(share[i] / sum)));
        p.push_back(top ? static_cast<float>(std::exp(static_cast<double>(log_p.back()))) : 1.f / static_cast<float>(k));
      }
      tail.push_back(top ? static_cast<float>(share[k] / sum) : 0);
      rest.push_back(top && random.coin(0.1) ? -3e38f : static_cast<float>(random.normal() * 3 + (top ? 0 : 9)));
      const auto words = [&](const void* from, long count) {
        const size_t at = rows.size();
        rows.resize(at + count);
        std::memcpy(rows.data() + at, from, count * 4);
      };
      words(ids.data() + n * k, k);
      words(log_p.data() + n * k, k);
      if (top) words(tail.data() + n, 1);
    }
  }
};

void rows(check::Random& random) {
  const Entries of(random);
  std::vector<int32_t> ids(of.N * of.k);
  Floats log_p(of.N * of.k), p(of.N * of.k, 7), tail(of.N, 7);
  winnow_sparse_rows(of.N, of.k, of.top, of.rows.data(), ids.data(), log_p.data(), p.data(), tail.data());
  if (ids != of.ids) check::fail("the ids differ");
  check::same("log p", log_p.data(), of.log_p.data(), log_p.size());
  const Floats left(p.size(), 7);
  check::same("p", p.data(), of.top ? of.p.data() : left.data(), p.size());
  check::same("tail", tail.data(), of.top ? of.tail.data() : left.data(), tail.size());
}

void loss(check::Random& random) {
  const Entries of(random);
  Floats lse(of.N), loss(of.N), delta(of.N * of.k);
  const Floats weight = random.normals(of.N);
  winnow_sparse_loss(of.N, of.k, of.top, of.p.data(), of.log_p.data(), of.tail.data(), of.z.data(), of.rest.data(), lse.data(), loss.data());
  winnow_sparse_delta(of.N, of.k, of.top, of.z.data(), lse.data(), of.p.data(), weight.data(), delta.data());
  const bool none = random.coin(0.1);  // New threads take longer than most cases.
  const Floats first = loss, first_delta = delta;
  for (int threads = 1; none && threads < 4; threads += 2) {
    winnow_set_threads(threads);
    winnow_sparse_loss(of.N, of.k, of.top, of.p.data(), of.log_p.data(), of.tail.data(), of.z.data(), of.rest.data(), lse.data(), loss.data());
    winnow_sparse_delta(of.N, of.k, of.top, of.z.data(), lse.data(), of.p.data(), weight.data(), delta.data());
    check::same("loss on any threads", loss.data(), first.data(), loss.size());
    check::same("delta on any threads", delta.data(), first_delta.data(), delta.size());
  }
  for (long n = 0; n < of.N; n++) {
    const bool others = of.rest[n] > -1e30f;
    double sum = others ? std::exp(static_cast<double>(of.rest[n])) : 0;
    for (long i = 0; of.top && i < of.k; i++) sum += std::exp(static_cast<double>(of.z[n * of.k + i]));
    const double total = std::log(sum);
    double want = 0;
    for (long i = n * of.k; i < (n + 1) * of.k; i++) {
      want += of.p[i] * (of.log_p[i] - (of.z[i] - total));
      const double q = of.top ? std::exp(of.z[i] - total) : 0;
      check::near("delta", delta[i], weight[n] * (q - of.p[i]), 4e-6 * std::fabs(weight[n]) * (q + of.p[i]) + 1e-30, i);
    }
    if (of.top && of.tail[n] > 0 && others) want += of.tail[n] * (std::log(of.tail[n]) - (of.rest[n] - total));
    check::near("log sum exp", lse[n], total, 1e-6 * (1 + std::fabs(total)), n);
    check::near("loss", loss[n], want, 1e-5 * (1 + std::fabs(want)), n);
  }
}

}  // namespace

int main(int argc, char** argv) { return check::run(argc, argv, {{"rows", rows}, {"loss", loss}}); }
