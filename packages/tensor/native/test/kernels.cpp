// The trunk's kernels against sums in double, of random sizes: norms, activations, embedding, optimizer, attention.
#include <limits>

#include "../activations.h"
#include "../attention.h"
#include "../embedding.h"
#include "../norms.h"
#include "../optimizer.h"
#include "../soft-cap.h"
#include "check.h"

namespace {

typedef std::vector<float> Floats;
typedef std::vector<double> Doubles;

size_t at(long i) { return static_cast<size_t>(i); }

// Runs f, which fills `out`, again on other numbers of threads, and requires the same bits each time.
template <class F>
void same_on_any_threads(const char* what, check::Random& random, const Floats& out, F&& f) {
  if (!random.coin(0.1)) return;  // New threads take longer than most cases.
  const Floats first = out;
  for (const int n : {1, 2, 5}) {
    winnow_set_threads(n);
    f();
    check::same(what, out.data(), first.data(), out.size());
  }
}

// Within `relative` of the wanted value, or of 1 if that is more.
void expect(const char* what, double got, double want, double relative, long index) {
  check::near(what, got, want, relative * std::fmax(1, std::fabs(want)), index);
}

void norms(check::Random& random) {
  const long N = random.size(200), d = random.size(300);
  const bool centred = random.coin();
  const Floats x = random.normals(at(N * d)), gamma = random.normals(at(d)), beta = random.normals(at(d)), dy = random.normals(at(N * d));
  Floats y(x.size()), dx(x.size()), dgamma(gamma.size()), dbeta(gamma.size()), mean(at(N)), rstd(at(N)), sums(gamma.size());
  const double eps = 0.01;  // Rows of one or two elements have almost no variance: their gradient would be all rounding.
  if (centred) {
    winnow_layer_norm(N, d, x.data(), gamma.data(), beta.data(), static_cast<float>(eps), y.data(), mean.data(), rstd.data());
    winnow_layer_norm_gradient(N, d, x.data(), gamma.data(), mean.data(), rstd.data(), dy.data(), dx.data(), dgamma.data(), dbeta.data());
  } else {
    winnow_rms_norm(N, d, x.data(), gamma.data(), static_cast<float>(eps), y.data(), rstd.data());
    winnow_rms_norm_gradient(N, d, x.data(), gamma.data(), rstd.data(), dy.data(), dx.data(), dgamma.data());
  }
  winnow_column_sums(N, d, dy.data(), d, sums.data());
  same_on_any_threads("column sums on any threads", random, sums, [&] { winnow_column_sums(N, d, dy.data(), d, sums.data()); });
  if (centred)
    same_on_any_threads("dgamma on any threads", random, dgamma, [&] {
      winnow_layer_norm_gradient(N, d, x.data(), gamma.data(), mean.data(), rstd.data(), dy.data(), dx.data(), dgamma.data(), dbeta.data());
    });
  Doubles dg(at(d)), db(at(d));
  for (long n = 0; n < N; n++) {
    const float *row = &x[at(n * d)], *up = &dy[at(n * d)];
    double mu = 0, square = 0, h1 = 0, h2 = 0;
    if (centred)
      for (long i = 0; i < d; i++) mu += static_cast<double>(row[i]) / static_cast<double>(d);
    for (long i = 0; i < d; i++) square += (row[i] - mu) * (row[i] - mu) / static_cast<double>(d);
    const double s = 1 / std::sqrt(square + eps);
    for (long i = 0; i < d; i++) {
      const double xh = (row[i] - mu) * s, h = static_cast<double>(up[i]) * gamma[at(i)];
      expect("value", y[at(n * d + i)], xh * gamma[at(i)] + (centred ? beta[at(i)] : 0), 1e-5, n * d + i);
      h1 += centred ? h / static_cast<double>(d) : 0;
      h2 += h * xh / static_cast<double>(d);
      dg[at(i)] += up[i] * xh;
      db[at(i)] += up[i];
    }
    for (long i = 0; i < d; i++) {
      const double xh = (row[i] - mu) * s, h = static_cast<double>(up[i]) * gamma[at(i)];
      expect("dx", dx[at(n * d + i)], s * (h - h1 - xh * h2), 1e-4, n * d + i);
    }
  }
  const double rounding = 1e-5 * std::sqrt(static_cast<double>(N));
  for (long i = 0; i < d; i++) {
    expect("dgamma", dgamma[at(i)], dg[at(i)], rounding, i);
    if (centred) expect("dbeta", dbeta[at(i)], db[at(i)], rounding, i);
    expect("column sums", sums[at(i)], db[at(i)], rounding, i);
  }
}

// Packed heads have the bits of the norms of each kind on rows taken apart; values pass.
void head_norms(check::Random& random) {
  const long N = random.size(80), Q = random.size(6), G = random.size(4), h = random.size(70), c = (Q + 2 * G) * h;
  const Floats x = random.normals(at(N * c)), dy = random.normals(at(N * c)), queries = random.normals(at(h)), keys = random.normals(at(h));
  Floats y(x.size()), dx(x.size()), rstd(at(N * (Q + G))), dqueries(at(h)), dkeys(at(h));
  const float eps = 0.01f;
  winnow_head_norm(N, Q, G, h, x.data(), queries.data(), keys.data(), eps, y.data(), rstd.data());
  winnow_head_norm_gradient(N, Q, G, h, x.data(), queries.data(), keys.data(), rstd.data(), dy.data(), dx.data(), dqueries.data(),
                            dkeys.data());
  const auto taken = [&](const Floats& from, long heads, long first) {
    Floats out(at(N * heads * h));
    for (long n = 0; n < N; n++)
      for (long i = 0; i < heads * h; i++) out[at(n * heads * h + i)] = from[at(n * c + first + i)];
    return out;
  };
  for (const bool of_keys : {false, true}) {
    const long heads = of_keys ? G : Q, first = of_keys ? Q * h : 0, rows = N * heads;
    const Floats own = taken(x, heads, first), up = taken(dy, heads, first), &scale = of_keys ? keys : queries;
    Floats value(own.size()), one(at(rows)), down(own.size()), dscale(at(h));
    winnow_rms_norm(rows, h, own.data(), scale.data(), eps, value.data(), one.data());
    winnow_rms_norm_gradient(rows, h, own.data(), scale.data(), one.data(), up.data(), down.data(), dscale.data());
    check::same("heads", taken(y, heads, first).data(), value.data(), value.size());
    check::same("gradient of heads", taken(dx, heads, first).data(), down.data(), down.size());
    check::same("gradient of a scale", (of_keys ? dkeys : dqueries).data(), dscale.data(), dscale.size());
  }
  const Floats passed = taken(x, G, (Q + G) * h), returned = taken(dy, G, (Q + G) * h);
  check::same("values", taken(y, G, (Q + G) * h).data(), passed.data(), passed.size());
  check::same("gradient of values", taken(dx, G, (Q + G) * h).data(), returned.data(), returned.size());
}

double cdf(double x) { return 0.5 * std::erfc(-x * 0.70710678118654752); }

void gelu(check::Random& random) {
  const long n = random.size(40000);
  Floats x = random.normals(at(n), 3), y(x.size()), dx(x.size());
  const Floats dy = random.normals(at(n));
  winnow_gelu(n, x.data(), y.data());
  winnow_gelu_gradient(n, x.data(), dy.data(), dx.data());
  for (long i = 0; i < n; i++) {
    const double v = x[at(i)], slope = cdf(v) + v * std::exp(-v * v / 2) * 0.39894228040143268;
    check::near("value", y[at(i)], v * cdf(v), 1e-6, i);
    expect("dx", dx[at(i)], dy[at(i)] * slope, 1e-6, i);
  }
  x[0] = std::numeric_limits<float>::infinity();
  x[at(n - 1)] = std::numeric_limits<float>::quiet_NaN();
  winnow_gelu(n, x.data(), y.data());
  if (n > 1) check::near("value of infinity", y[0], x[0], 0);
  check::near("value of NaN", y[at(n - 1)], x[at(n - 1)], 0);
}

void soft_cap(check::Random& random) {
  const long n = random.size(3000);
  const double cap = std::exp(random.normal()), scale = random.coin() ? 1 : 0.7;
  Floats x = random.normals(at(n), cap * std::exp(2 * random.normal()));
  const Floats before = x;
  const winnow::SoftCap by(static_cast<float>(cap), static_cast<float>(scale));
  by.apply(x.data(), n);
  for (long i = 0; i < n; i++) {
    const double t = std::tanh(before[at(i)] / cap);
    check::near("capped", x[at(i)], scale * cap * t, 6e-7 * scale * cap * std::fabs(t), i);
    check::near("slope", by.slope(winnow::splat(x[at(i)]))[0], 1 - t * t, 2e-6, i);
  }
  Floats same = before;
  winnow::SoftCap(0).apply(same.data(), n);
  check::same("without a cap", same.data(), before.data(), before.size());
  same[at(n - 1)] = std::numeric_limits<float>::quiet_NaN();
  by.apply(same.data(), n);
  check::near("of NaN", same[at(n - 1)], std::numeric_limits<float>::quiet_NaN(), 0);
}

void gelu_tanh(check::Random& random) {
  const long n = random.size(40000);
  const Floats x = random.normals(at(n), 3), dy = random.normals(at(n));
  Floats y(x.size()), dx(x.size());
  winnow_gelu_tanh(n, x.data(), y.data());
  winnow_gelu_tanh_gradient(n, x.data(), dy.data(), dx.data());
  for (long i = 0; i < n; i++) {
    const double v = x[at(i)], c = std::sqrt(2 / 3.14159265358979323846), t = std::tanh(c * (v + 0.044715 * v * v * v));
    const double slope = 0.5 * (1 + t) + 0.5 * v * (1 - t * t) * c * (1 + 3 * 0.044715 * v * v);
    check::near("value", y[at(i)], 0.5 * v * (1 + t), 2e-6, i);
    expect("dx", dx[at(i)], dy[at(i)] * slope, 5e-6, i);
  }
}

void silu_gate(check::Random& random) {
  const long N = random.size(100), m = random.size(300);
  const Floats x = random.normals(at(2 * N * m), 3), dy = random.normals(at(N * m));
  Floats y(dy.size()), dx(x.size());
  winnow_silu_gate(N, m, x.data(), y.data());
  winnow_silu_gate_gradient(N, m, x.data(), dy.data(), dx.data());
  for (long n = 0; n < N; n++)
    for (long i = 0; i < m; i++) {
      const long gate = 2 * n * m + i, up = gate + m, out = n * m + i;
      const double g = x[at(gate)], u = x[at(up)], s = 1 / (1 + std::exp(-g)), d = dy[at(out)];
      expect("value", y[at(out)], g * s * u, 1e-6, out);
      expect("d gate", dx[at(gate)], d * u * (s + g * s * (1 - s)), 1e-6, out);
      expect("d up", dx[at(up)], d * g * s, 1e-6, out);
    }
}

void sums_of_three(check::Random& random) {
  const long n = random.size(40000);
  const Floats a = random.normals(at(n)), b = random.normals(at(n)), c = random.normals(at(n));
  Floats y(a.size());
  winnow_add3(n, a.data(), b.data(), c.data(), y.data());
  for (long i = 0; i < n; i++) expect("sum", y[at(i)], static_cast<double>(a[at(i)]) + b[at(i)] + c[at(i)], 1e-6, i);
}

void embedding(check::Random& random) {
  const long V = random.size(3000), d = random.size(60), N = random.size(400);
  const Floats weight = random.normals(at(V * d)), dy = random.normals(at(N * d));
  std::vector<int32_t> ids(at(N));
  const long used = random.size(V);  // Few ids, so that many rows have the same one.
  for (int32_t& id : ids) id = static_cast<int32_t>(random.between(V - used, V - 1));
  Floats y(at(N * d)), out(at(V * d), 7.f), sum(at(V * d));
  if (winnow_gather_rows(V, d, N, weight.data(), ids.data(), y.data()) != -1) check::fail("valid ids were refused");
  winnow_scatter_rows(V, d, N, dy.data(), ids.data(), out.data());
  for (long n = 0; n < N; n++) {
    check::same("rows", &y[at(n * d)], &weight[at(ids[at(n)] * d)], at(d));
    for (long i = 0; i < d; i++) sum[at(ids[at(n)] * d + i)] += dy[at(n * d + i)];
  }
  check::same("gradient", out.data(), sum.data(), sum.size());
  const long wrong = random.between(0, N - 1);
  ids[at(wrong)] = random.coin() ? -1 : static_cast<int32_t>(V);
  if (winnow_gather_rows(V, d, N, weight.data(), ids.data(), y.data()) != wrong) check::fail("an id outside was not found");
}

void optimizer(check::Random& random) {
  const long n = random.size(40000);
  Floats p = random.normals(at(n)), m = random.normals(at(n)), v = random.normals(at(n));
  for (float& x : v) x = std::fabs(x);
  const Floats g = random.normals(at(n)), p0 = p, m0 = m, v0 = v;
  winnow_adamw(n, p.data(), g.data(), m.data(), v.data(), 0.5f, 0.99f, 0.01f, 0.1f, 0.05f, 1e-4f);
  double squares = 0;
  for (size_t i = 0; i < p.size(); i++) {
    const double gi = 0.5 * g[i], mi = m0[i] + 0.1 * (gi - m0[i]), vi = v0[i] + 0.05 * (gi * gi - v0[i]);
    expect("m", m[i], mi, 1e-6, static_cast<long>(i));
    expect("v", v[i], vi, 1e-6, static_cast<long>(i));
    expect("p", p[i], p0[i] * 0.99 - 0.01 * mi / (std::sqrt(vi) + 1e-4), 1e-6, static_cast<long>(i));
    squares += static_cast<double>(g[i]) * g[i];
  }
  Floats average(at(n));
  winnow_average(n, p.data(), average.data(), 1);
  check::same("first average", average.data(), p.data(), p.size());
  winnow_average(n, g.data(), average.data(), 0.25f);
  for (size_t i = 0; i < p.size(); i++) expect("average", average[i], 0.75 * p[i] + 0.25 * g[i], 1e-6, static_cast<long>(i));
  const double sum = winnow_square_sum(n, g.data());
  expect("sum of squares", sum, squares, 1e-6, 0);
  for (const int threads : {1, 3}) {
    winnow_set_threads(threads);
    if (winnow_square_sum(n, g.data()) != sum) check::fail("the sum of squares depends on the number of threads");
  }
}

void attention(check::Random& random) {
  const long G = random.between(1, 3);
  WinnowAttention s;
  s.B = static_cast<int32_t>(random.between(1, 2));
  s.T = static_cast<int32_t>(random.size(random.coin(0.1) ? 300 : 70));
  s.by_head = random.coin();
  s.G = static_cast<int32_t>(G);
  s.Q = static_cast<int32_t>(s.by_head ? G : G * random.between(1, 2));
  s.h = static_cast<int32_t>(random.size(80));
  s.rotated = static_cast<int32_t>(2 * random.between(0, s.h / 2));
  s.tables_by_row = random.coin();
  s.cap = random.coin() ? 0 : static_cast<float>(std::exp(random.normal()));
  const long T = s.T, N = s.B * T, Q = s.Q, C = Q + 2 * G, h = s.h, row = C * h, half = s.rotated / 2;
  const double scale = std::pow(static_cast<double>(h), -0.25);
  const long table_rows = s.tables_by_row ? N : T;
  const Floats packed = random.normals(at(N * row)), cos = random.normals(at(table_rows * h), scale), sin = random.normals(at(table_rows * h), scale),
               d_out = random.normals(at(N * Q * h));
  const bool packing = random.coin();
  std::vector<int32_t> start(at(N));
  const long padding = random.between(0, T);
  for (long b = 0; b < s.B; b++)
    for (long t = 0, from = 0; t < T; t++) {
      if (random.coin(0.1)) from = t;
      start[at(b * T + t)] = static_cast<int32_t>(b == 0 && t >= padding ? t + 1 : from);
    }
  const int32_t* starts = packing ? start.data() : nullptr;
  Floats out(at(N * Q * h), 7.f), lse(at(N * Q), 7.f), d_packed(packed.size(), 7.f);
  winnow_attention(&s, packed.data(), cos.data(), sin.data(), starts, out.data(), lse.data());
  winnow_attention_gradient(&s, packed.data(), cos.data(), sin.data(), starts, out.data(), lse.data(), d_out.data(), d_packed.data());

  same_on_any_threads("gradient on any threads", random, d_packed, [&] {
    winnow_attention_gradient(&s, packed.data(), cos.data(), sin.data(), starts, out.data(), lse.data(), d_out.data(), d_packed.data());
  });

  const auto lies = [&](long n, long head, int kind) {
    return n * row + (s.by_head ? 3 * head + kind : kind == 0 ? head : kind == 1 ? Q + head : Q + G + head) * h;
  };
  const auto table = [&](const Floats& of, long n) { return &of[at((s.tables_by_row ? n : n % T) * h)]; };
  const auto rotate = [&](long n, long head, int kind) {
    Doubles y(at(h));
    const float *x = &packed[at(lies(n, head, kind))], *c = table(cos, n), *e = table(sin, n);
    for (long j = 0; j < h; j++) {
      y[at(j)] = static_cast<double>(x[j]) * c[j];
      if (j < half) y[at(j)] -= static_cast<double>(x[j + half]) * e[j];
      else if (j < 2 * half) y[at(j)] += static_cast<double>(x[j - half]) * e[j];
    }
    return y;
  };
  Doubles expected(packed.size());
  const auto rotate_back = [&](long n, long head, int kind, long j, double d) {
    double* x = &expected[at(lies(n, head, kind))];
    const float *c = table(cos, n), *e = table(sin, n);
    x[j] += d * c[j];
    if (j < half) x[j + half] -= d * e[j];
    else if (j < 2 * half) x[j - half] += d * e[j];
  };
  for (long n = 0; n < N; n++) {
    const long b0 = n / T * T, lo = b0 + (packing ? start[at(n)] : 0);
    for (long head = 0; head < Q; head++) {
      const long g = head / (Q / G);
      const Doubles q = rotate(n, head, 0);
      std::vector<Doubles> keys;
      Doubles p, slope;
      double max = -1e300, sum = 0, along = 0;
      for (long i = lo; i <= n; i++) {
        keys.push_back(rotate(i, g, 1));
        double z = 0;
        for (long j = 0; j < h; j++) z += q[at(j)] * keys.back()[at(j)];
        const double t = s.cap > 0 ? std::tanh(z / s.cap) : 0;
        if (s.cap > 0) z = s.cap * t;
        p.push_back(z);
        slope.push_back(1 - t * t);
        max = std::fmax(max, z);
      }
      for (double& z : p) sum += z = std::exp(z - max);
      const float* d = &d_out[at((n * Q + head) * h)];
      for (long j = 0; j < h; j++) {
        double value = 0;
        for (long i = lo; i <= n; i++) value += p[at(i - lo)] / sum * packed[at(lies(i, g, 2) + j)];
        expect("context", out[at((n * Q + head) * h + j)], value, 2e-5, n);
        along += value * d[j];
      }
      if (lo <= n) expect("log-sum-exp", lse[at(n * Q + head)], max + std::log(sum), 1e-5, n);
      for (long i = lo; i <= n; i++) {
        const double weight = p[at(i - lo)] / sum;
        double dp = 0;
        for (long j = 0; j < h; j++) dp += static_cast<double>(d[j]) * packed[at(lies(i, g, 2) + j)];
        for (long j = 0; j < h; j++) {
          expected[at(lies(i, g, 2) + j)] += weight * d[j];
          const double d_score = weight * (dp - along) * slope[at(i - lo)];
          rotate_back(n, head, 0, j, d_score * keys[at(i - lo)][at(j)]);
          rotate_back(i, g, 1, j, d_score * q[at(j)]);
        }
      }
    }
  }
  for (size_t i = 0; i < expected.size(); i++) expect("gradient", d_packed[i], expected[i], 1e-4, static_cast<long>(i));
}

}  // namespace

int main(int argc, char** argv) {
  return check::run(argc, argv,
                    {{"norms", norms},
                     {"norms of packed heads", head_norms},
                     {"gelu", gelu},
                     {"gelu with tanh", gelu_tanh},
                     {"silu gate", silu_gate},
                     {"sums of three", sums_of_three},
                     {"embedding", embedding},
                     {"optimizer", optimizer},
                     {"soft cap", soft_cap}, {"attention", attention}});
}
