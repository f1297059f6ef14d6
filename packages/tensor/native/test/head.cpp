// The fused head against its definitions in double, on operands rounded to the precision: statistics, and gradients of
// every form.
#include "../head.h"

#include "check.h"
#include "head-case.h"

extern "C" int winnow_head_statistics(const winnow::HeadStatistics*);
extern "C" int winnow_head_gradient(const winnow::HeadGradient*);

namespace {

void statistics(check::Random& random) {
  const Case c(random);
  const long N = c.N;
  winnow::HeadStatistics s{};
  s.precision = c.bf16;
  s.N = N;
  s.V = c.V;
  s.temperature = c.temperature;
  s.target_temperature = c.target_temperature;
  s.beta = c.beta;
  s.gold = c.gold.data();
  s.target = c.target.side();
  s.draft = c.draft.side();
  s.reference = c.reference.side();
  Floats memory(N * 48);
  float* next = memory.data();
  const auto column = [&] { return (next += N) - N; };
  std::vector<int32_t> argmax(3 * N);
  winnow::HeadOfModel* models[] = {&s.of_target, &s.of_draft, &s.of_reference};
  for (int m = 0; m < 3; m++) *models[m] = {column(), column(), column(), column(), argmax.data() + m * N};
  winnow::HeadOfPair* pairs[] = {&s.draft_pair, &s.reference_pair};
  for (auto* p : pairs)
    *p = {column(), column(), column(), column(), column(), column(), column(), column(), column(), column(), column(), column(), column(),
          column(), column()};
  winnow_head_statistics(&s);

  const Side* sides[] = {&c.target, &c.draft, &c.reference};
  for (long n = 0; n < N; n++) {
    Doubles log_p[3];
    for (int m = 0; m < 3; m++) {
      const Doubles z = c.logits(*sides[m], n);
      log_p[m] = normalised(z);
      double entropy = 0, top = -INFINITY;
      for (double x : log_p[m]) entropy -= std::exp(x) * x, top = std::max(top, x);
      check::near("log sum exp", models[m]->log_sum_exp[n], log_sum_exp(z), near_to(log_sum_exp(z)));
      check::near("nll", models[m]->nll[n], -log_p[m][c.gold[n]], near_to(10 + log_p[m][c.gold[n]]));
      check::near("entropy", models[m]->entropy[n], entropy, near_to(entropy));
      check::near("top", models[m]->top[n], std::exp(top), near_to(1));
      // Among logits that round to the same value any id is right.
      const int32_t id = argmax[m * N + n];
      if (id < 0 || id >= c.V) check::fail("argmax is %d of %ld", id, c.V);
      check::near("argmax", log_p[m][id], top, 1e-4);
    }
    for (int j = 0; j < 2; j++) {
      const Doubles &a = log_p[0], &b = log_p[j + 1];
      double kl = 0, reverse = 0, common = 0, acceptance = 0, tvd = 0, sign = 0, reward = 0, count = 0, reward_log = 0, log_sum = 0,
             forward = 0, backward = 0, mixed = 0, below = 0, unsure = 0;
      Doubles low(c.V);
      for (long v = 0; v < c.V; v++) {
        const double P = std::exp(a[v]), Q = std::exp(b[v]), mix = std::log(c.beta * P + (1 - c.beta) * Q);
        kl += P * (a[v] - b[v]);
        reverse += Q * (b[v] - a[v]);
        common += std::sqrt(P * Q);
        acceptance += std::min(P, Q);
        tvd += std::fabs(P - Q) / 2;
        sign += Q * ((Q > P) - (P > Q));
        reward += P > Q ? Q : 0;
        count += P > Q;
        reward_log += P > Q ? b[v] : 0;
        log_sum += b[v];
        forward += P * (a[v] - mix);
        backward += Q * (b[v] - mix);
        mixed += P * Q / std::exp(mix);
        low[v] = std::min(a[v], b[v]);
        below += Q < P ? Q : Q == P ? Q / 2 : 0;
        if (std::fabs(a[v] - b[v]) < 1e-4) unsure += 1;  // Rounding decides which is larger.
      }
      const auto& o = *pairs[j];
      check::near("kl", o.kl[n], kl, near_to(10));
      check::near("reverse kl", o.reverse_kl[n], reverse, near_to(10));
      // Near 0 the square root turns a rounding of 1e-6 into 1e-3.
      check::near("hellinger squared", static_cast<double>(o.hellinger[n]) * o.hellinger[n], 1 - common, near_to(1));
      check::near("acceptance", o.acceptance[n], acceptance, near_to(1));
      check::near("tvd", o.tvd[n], tvd, near_to(1));
      check::near("sign", o.sign[n], sign, near_to(1) + 2 * unsure);
      check::near("reward", o.reward[n], reward, near_to(1) + unsure);
      check::near("reward count", o.reward_count[n], count, 1e-6 + unsure);
      check::near("reward log", o.reward_log[n], reward_log, near_to(log_sum) + 40 * unsure);
      check::near("log sum", o.log_sum[n], log_sum, near_to(10. * c.V));
      check::near("jsd forward", o.jsd_forward[n], forward, near_to(10));
      check::near("jsd reverse", o.jsd_reverse[n], backward, near_to(10));
      check::near("mixed", o.mixed[n], mixed, near_to(1 / std::min(c.beta, 1 - c.beta)));
      check::near("log acceptance", o.log_acceptance[n], log_sum_exp(low), near_to(10));
      check::near("below", o.below[n], below / acceptance, near_to(10) + unsure);
    }
  }

  // Tokens drawn from the draft: each point falls into its token's share of the cumulative sum.
  winnow::HeadStatistics draw{};
  draw.precision = s.precision;
  draw.N = N;
  draw.V = c.V;
  draw.temperature = c.temperature;
  draw.target_temperature = c.target_temperature;
  draw.target = s.target;
  draw.draft = s.draft;
  const long S = draw.samples = random.between(1, 5);
  Floats uniform(N), drawn_log(N * S), drawn_reward(N * S);
  for (float& u : uniform) u = static_cast<float>(random.uniform() * 0.999999);
  std::vector<int32_t> drawn(N * S, -1);
  draw.uniform = uniform.data();
  draw.drawn = drawn.data();
  draw.drawn_log = drawn_log.data();
  draw.drawn_reward = drawn_reward.data();
  winnow_head_statistics(&draw);
  for (long n = 0; n < N; n++) {
    const Doubles a = normalised(c.logits(c.target, n)), b = normalised(c.logits(c.draft, n));
    const double offset = uniform[n] * static_cast<double>(S) - std::floor(uniform[n] * static_cast<double>(S));
    for (long i = 0; i < S; i++) {
      const int32_t id = drawn[n * S + i];
      if (id < 0 || id >= c.V) check::fail("drawn id is %d of %ld", id, c.V);
      double below = 0;
      for (long v = 0; v < id; v++) below += std::exp(b[v]);
      const double point = (offset + static_cast<double>(i)) / static_cast<double>(S), above = below + std::exp(b[id]);
      check::near("point in the token's share", std::fmin(std::fmax(point, below), above), point, 1e-5);
      check::near("log q of a draw", drawn_log[n * S + i], b[id], near_to(10));
      if (std::fabs(a[id] - b[id]) > 1e-4) check::near("reward of a draw", drawn_reward[n * S + i], a[id] > b[id], 1e-6);
    }
  }

  // Chosen tokens, and the mass of the others.
  winnow::HeadStatistics e{};
  e.precision = s.precision;
  e.N = N;
  e.V = c.V;
  e.temperature = c.temperature;
  e.target_temperature = c.target_temperature;
  e.draft = s.draft;
  e.k = c.k;
  e.ids = c.ids.data();
  e.exclude = 1;
  Floats picked(N * c.k), rest(N);
  e.entry_logits = picked.data();
  e.of_draft.log_sum_exp = rest.data();
  winnow_head_statistics(&e);
  for (long n = 0; n < N; n++) {
    Doubles z = c.logits(c.draft, n), others = z;
    for (long i = 0; i < c.k; i++) {
      const int32_t id = c.ids[n * c.k + i];
      check::near("entry", picked[n * c.k + i], z[id], near_to(10));
      others[id] = -INFINITY;
    }
    if (log_sum_exp(others) > -INFINITY) check::near("rest", rest[n], log_sum_exp(others), near_to(10));
    else if (!(rest[n] < -1e30f)) check::fail("rest of no token is %g", rest[n]);
  }
}

void gradients(check::Random& random) {
  const Case c(random);
  const long K = c.N, V = c.V, d = c.draft.d;
  for (int form = 1; form <= 11; form++) {
    const HeadForm f = static_cast<HeadForm>(form);
    Floats lse_p(K), lse_q(K), weight(K), cs(K), es(K), dh(K * d), dhead(V * d), before;
    std::vector<int32_t> none;
    Floats delta = random.normals(K * c.k);
    for (float& w : weight) w = static_cast<float>(random.uniform());
    Doubles want_h(K * d), want_head(V * d), size_h(K * d), size_head(V * d);
    const bool add = random.coin(), replace = random.coin(), entries = f == HeadForm::SOFTMAX;
    if (add) dhead = random.normals(V * d);
    before = dhead;
    for (long n = 0; n < K; n++) {
      const Doubles zp = c.logits(c.target, n), zq = c.logits(c.draft, n), a = normalised(zp), b = normalised(zq);
      lse_p[n] = static_cast<float>(log_sum_exp(zp));
      lse_q[n] = static_cast<float>(log_sum_exp(zq));
      cs[n] = static_cast<float>(random.normal());
      es[n] = static_cast<float>(random.uniform());
      for (long v = 0; v < V; v++) {
        const double P = std::exp(a[v]), Q = std::exp(b[v]), mix = std::log(c.beta * P + (1 - c.beta) * Q), C = cs[n];
        double g = 0;
        if (f == HeadForm::KL) g = Q - P;
        if (f == HeadForm::REVERSE_KL) g = Q * (b[v] - a[v] - C);
        if (f == HeadForm::JSD) g = (1 - c.beta) * Q * (b[v] - mix - C);
        if (f == HeadForm::TVD) g = Q * ((Q > P) - (P > Q) - C) / 2;
        if (f == HeadForm::REWARD) g = -Q * ((P > Q) - C);
        if (f == HeadForm::UNIFORM) g = Q * C - ((P > Q) - es[n]);
        if (f == HeadForm::SOFTMAX) g = C * Q;
        if (f == HeadForm::NEG_LOG_ACCEPTANCE) g = Q * es[n] - ((P > Q) + (P == Q) / 2.) * std::exp(std::min(b[v] - C, 0.));
        if (f == HeadForm::LK) g = es[n] * (Q - P) + (1 - es[n]) * Q * ((Q > P) - (P > Q) - C) / 2;
        if (f == HeadForm::SKEWED) g = (1 - c.beta) * Q * (C - P / std::exp(mix));
        if (f == HeadForm::REVERSE_SKEWED) g = Q * (b[v] - mix - (1 - c.beta) * Q / std::exp(mix) - C);
        g *= weight[n];
        double unsure = std::fabs(a[v] - b[v]) < 1e-4 ? weight[n] * (f == HeadForm::UNIFORM || f == HeadForm::NEG_LOG_ACCEPTANCE ? 1 : Q) : 0;
        for (long i = 0; entries && i < c.k; i++)
          if (c.ids[n * c.k + i] == v) g = (replace ? 0 : g) + delta[n * c.k + i];
        const double slope = c.slope(c.draft, zq[v]);
        g *= slope;
        unsure *= slope;
        for (long i = 0; i < d; i++) {
          const double h = c.draft.h[n * d + i], w = c.draft.head[v * d + i];
          want_h[n * d + i] += g * c.operand(static_cast<float>(w));
          want_head[v * d + i] += g * c.operand(static_cast<float>(h));
          size_h[n * d + i] += (std::fabs(g) + 1e5 * unsure + 0.5 * weight[n] * Q) * std::fabs(w);
          size_head[v * d + i] += (std::fabs(g) + 1e5 * unsure + 0.5 * weight[n] * Q) * std::fabs(h);
        }
      }
    }
    winnow::HeadGradient s{};
    s.precision = c.bf16;
    s.K = K;
    s.V = V;
    s.form = f;
    s.temperature = c.temperature;
    s.target_temperature = c.target_temperature;
    s.a = c.beta;
    if (entries) s.k = c.k, s.ids = c.ids.data(), s.delta = delta.data(), s.replace = replace;
    s.target = c.target.side();
    s.draft = c.draft.side();
    s.lse_target = lse_p.data();
    s.lse_draft = lse_q.data();
    s.weight = weight.data();
    s.c = cs.data();
    s.e = es.data();
    s.dh = dh.data();
    s.dhead = dhead.data();
    s.add_to_head = add;
    winnow_head_gradient(&s);
    // float32: rounding of logits of size 10 and of sums. bfloat16: g itself is rounded, 2^-9 of each term.
    const double relative = c.bf16 ? 5e-3 : 5e-5;
    for (long i = 0; i < K * d; i++) check::near("dh", dh[i], want_h[i], 1e-6 + relative * size_h[i], i);
    for (long i = 0; i < V * d; i++)
      check::near("dhead", dhead[i], want_head[i] + (add ? before[i] : 0), 2e-6 + relative * size_head[i], i);
  }
}

// The request for a gradient, and its output.
struct Gradient {
  Floats lse_p, lse_q, weight, c, e, delta, dh, dhead;
  winnow::HeadGradient s{};

  Gradient(const Case& of, check::Random& random, HeadForm form) {
    const auto column = [&] { return random.normals(of.N); };
    lse_p = column(), lse_q = column(), weight = column(), c = column(), e = column();
    delta = random.normals(of.N * of.k);
    dh.resize(of.N * of.draft.d);
    dhead.resize(of.V * of.draft.d);
    s.precision = of.bf16;
    s.K = of.N;
    s.V = of.V;
    s.form = form;
    s.temperature = of.temperature;
    s.target_temperature = of.target_temperature;
    s.a = of.beta;
    s.k = of.k, s.ids = of.ids.data(), s.delta = delta.data();
    s.target = of.target.side();
    s.draft = of.draft.side();
    s.lse_target = lse_p.data(), s.lse_draft = lse_q.data();
    s.weight = weight.data(), s.c = c.data(), s.e = e.data();
    s.dh = dh.data(), s.dhead = dhead.data();
  }
};

// The same bits on any number of threads, also on more than there are parts.
void threads(check::Random& random) {
  Case c(random);
  if (random.coin()) {  // Enough of the vocabulary for every part.
    c.V = random.between(1500, 2500);
    for (Side* s : {&c.target, &c.draft, &c.reference}) s->head = random.normals(c.V * s->d);
  }
  Floats lse(c.N), acceptance(c.N);
  winnow::HeadStatistics s{};
  s.precision = c.bf16;
  s.N = c.N;
  s.V = c.V;
  s.temperature = c.temperature;
  s.target_temperature = c.target_temperature;
  s.target = c.target.side();
  s.draft = c.draft.side();
  s.of_draft.log_sum_exp = lse.data();
  s.draft_pair.acceptance = acceptance.data();
  Gradient g(c, random, HeadForm::KL);
  winnow_set_threads(1);
  winnow_head_statistics(&s);
  winnow_head_gradient(&g.s);
  const Floats want[] = {lse, acceptance, g.dh, g.dhead};
  const Floats* const got[] = {&lse, &acceptance, &g.dh, &g.dhead};
  winnow_set_threads(static_cast<int>(random.between(2, 20)));
  winnow_head_statistics(&s);
  winnow_head_gradient(&g.s);
  for (int i = 0; i < 4; i++) check::same("on any threads", got[i]->data(), want[i].data(), want[i].size());
}

// A head without a requested gradient: dh has the same bits.
void frozen_head(check::Random& random) {
  Case c(random);
  Gradient g(c, random, HeadForm::REVERSE_KL);
  winnow_head_gradient(&g.s);
  const Floats want = g.dh;
  g.dh.assign(g.dh.size(), 5);
  g.s.dhead = nullptr;
  winnow_head_gradient(&g.s);
  check::same("of a frozen head", g.dh.data(), want.data(), want.size());
}

// Logits of the target that a statistics pass has kept, of any share of the vocabulary, give a gradient of the same bits.
void kept(check::Random& random) {
  Case all(random);
  if (random.coin()) {  // Enough of the vocabulary for several parts and tiles.
    all.V = random.between(300, 1500);
    for (Side* s : {&all.target, &all.draft, &all.reference}) s->head = random.normals(all.V * s->d);
  }
  std::vector<int32_t> rows;
  Case some = all;
  for (Side* s : {&some.target, &some.draft}) s->h.clear();
  for (long n = 0; n < all.N; n++) {
    if (random.coin()) continue;
    rows.push_back(static_cast<int32_t>(n));
    for (const auto& [to, from] : {std::pair(&some.target, &all.target), std::pair(&some.draft, &all.draft)})
      to->h.insert(to->h.end(), from->h.begin() + n * from->d, from->h.begin() + (n + 1) * from->d);
  }
  some.N = static_cast<long>(rows.size());
  if (some.N == 0) return;
  Gradient g(some, random, static_cast<HeadForm>(random.between(1, 11)));
  g.s.k = 0;
  winnow_head_gradient(&g.s);
  const Floats dh = g.dh, dhead = g.dhead;

  const long padded_rows = (all.N + 31) / 32 * 32, padded_ids = (all.V + 63) / 64 * 64;
  const int64_t bytes = random.coin() ? padded_rows * padded_ids * 4 : random.between(0, padded_rows * padded_ids * 4);
  void* memory = std::aligned_alloc(64, static_cast<size_t>((bytes + 64) / 64 * 64));
  Floats lse(all.N);
  winnow::HeadStatistics s{};
  s.precision = all.bf16;
  s.N = all.N;
  s.V = all.V;
  s.temperature = all.temperature;
  s.target_temperature = all.target_temperature;
  s.target = all.target.side();
  s.of_target.log_sum_exp = lse.data();
  s.kept = static_cast<float*>(memory);
  s.kept_bytes = bytes;
  winnow_head_statistics(&s);
  g.s.kept = s.kept;
  g.s.kept_bytes = bytes;
  g.s.kept_N = all.N;
  g.s.kept_rows = rows.data();
  winnow_head_gradient(&g.s);
  std::free(memory);
  check::same("dh by kept logits", g.dh.data(), dh.data(), dh.size());
  check::same("dhead by kept logits", g.dhead.data(), dhead.data(), dhead.size());
}

// A NaN in one row's hidden state appears in that row's numbers, and only there.
void specials(check::Random& random) {
  Case c(random);
  const long row = random.between(0, c.N - 1);
  c.draft.h[row * c.draft.d + random.between(0, c.draft.d - 1)] = NAN;
  Floats columns(9 * c.N);
  const auto column = [&](int i) { return columns.data() + i * c.N; };
  winnow::HeadStatistics s{};
  s.precision = c.bf16;
  s.N = c.N;
  s.V = c.V;
  s.temperature = c.temperature;
  s.target_temperature = c.target_temperature;
  s.beta = c.beta;
  s.gold = c.gold.data();
  s.target = c.target.side();
  s.draft = c.draft.side();
  s.of_draft = {column(0), column(1), column(2), column(3), nullptr};
  s.draft_pair.kl = column(4), s.draft_pair.reverse_kl = column(5), s.draft_pair.hellinger = column(6);
  s.draft_pair.acceptance = column(7), s.draft_pair.tvd = column(8);
  winnow_head_statistics(&s);
  for (int i = 0; i < 9; i++)
    for (long n = 0; n < c.N; n++)
      if (std::isnan(column(i)[n]) != (n == row)) check::fail("statistic %d of row %ld is %g, row %ld is not a number", i, n, column(i)[n], row);
  Gradient g(c, random, HeadForm::KL);
  g.s.k = 0;
  winnow_head_gradient(&g.s);
  for (long i = 0; i < c.N * c.draft.d; i++)
    if (std::isfinite(g.dh[i]) != (i / c.draft.d != row)) check::fail("dh of row %ld is %g, row %ld is not a number", i / c.draft.d, g.dh[i], row);
}

// Without rows nothing is read, and the head's gradient is 0, or unchanged.
void no_rows(check::Random& random) {
  Case c(random);
  c.N = 0;
  winnow::HeadStatistics s{};
  s.precision = c.bf16;
  s.V = c.V;
  s.temperature = s.target_temperature = 1;
  s.draft = c.draft.side();
  float untouched = 7;
  s.of_draft.log_sum_exp = &untouched;
  if (winnow_head_statistics(&s) != 0 || untouched != 7) check::fail("statistics of no rows");
  Gradient g(c, random, HeadForm::SOFTMAX);
  for (const bool add : {true, false}) {
    g.s.add_to_head = add;
    g.dhead.assign(g.dhead.size(), 3);
    winnow_head_gradient(&g.s);
    for (float x : g.dhead) check::near("head's gradient", x, add ? 3 : 0, 1e-30);
  }
}

}  // namespace

int main(int argc, char** argv) {
  return check::run(argc, argv,
                    {{"statistics", statistics}, {"gradients", gradients}, {"threads", threads}, {"kept", kept}, {"frozen head", frozen_head}, {"specials", specials}, {"no rows", no_rows}});
}
