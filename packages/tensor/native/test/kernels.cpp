// The trunk's kernels against sums in double, at odd sizes: run under the sanitizers. Exit code 1 names what differs.
#include <cstdio>
#include <limits>
#include <vector>

#include "../activations.h"
#include "../attention.h"
#include "../embedding.h"
#include "../norms.h"
#include "../optimizer.h"

namespace {

int failures = 0;
uint32_t state = 1;

float uniform() {
  state = state * 1664525u + 1013904223u;
  return static_cast<float>(state >> 8) / 8388608.f - 1.f;
}

typedef std::vector<float> Floats;

Floats random_floats(long n, float scale = 1) {
  Floats x(static_cast<size_t>(n));
  for (auto& v : x) v = uniform() * scale;
  return x;
}

void expect(const char* what, long a, long b, double found, double wanted, double tolerance) {
  if (std::fabs(found - wanted) <= tolerance * std::fmax(1, std::fabs(wanted))) return;
  if (++failures < 20) std::printf("%s (%ld, %ld): found %.9g, expected %.9g\n", what, a, b, found, wanted);
}

void norms(long N, long d) {
  const Floats x = random_floats(N * d), gamma = random_floats(d), beta = random_floats(d), dy = random_floats(N * d);
  for (const bool centred : {true, false}) {
    Floats y(x.size()), dx(x.size()), dgamma(gamma.size()), dbeta(gamma.size()), mean(N), rstd(N), sums(gamma.size());
    if (centred) {
      winnow_layer_norm(N, d, x.data(), gamma.data(), beta.data(), 1e-5f, y.data(), mean.data(), rstd.data());
      winnow_layer_norm_gradient(N, d, x.data(), gamma.data(), mean.data(), rstd.data(), dy.data(), dx.data(), dgamma.data(), dbeta.data());
      winnow_column_sums(N, d, dy.data(), d, sums.data());
    } else {
      winnow_rms_norm(N, d, x.data(), gamma.data(), 1e-5f, y.data(), rstd.data());
      winnow_rms_norm_gradient(N, d, x.data(), gamma.data(), rstd.data(), dy.data(), dx.data(), dgamma.data());
    }
    std::vector<double> dg(d), db(d);
    for (long n = 0; n < N; n++) {
      const float *row = &x[n * d], *up = &dy[n * d];
      double mu = 0, var = 0, h1 = 0, h2 = 0;
      if (centred) for (long i = 0; i < d; i++) mu += row[i] / static_cast<double>(d);
      for (long i = 0; i < d; i++) var += (row[i] - mu) * (row[i] - mu) / d;
      const double s = 1 / std::sqrt(var + 1e-5);
      for (long i = 0; i < d; i++) {
        const double xh = (row[i] - mu) * s, h = static_cast<double>(up[i]) * gamma[i];
        expect(centred ? "layer norm" : "RMS norm", n, i, y[n * d + i], xh * gamma[i] + (centred ? beta[i] : 0), 2e-5);
        h1 += h / d;
        h2 += h * xh / d;
        dg[i] += up[i] * xh;
        db[i] += up[i];
      }
      for (long i = 0; i < d; i++) {
        const double xh = (row[i] - mu) * s, h = static_cast<double>(up[i]) * gamma[i];
        expect("norm, dx", n, i, dx[n * d + i], s * (h - (centred ? h1 : 0) - xh * h2), d == 1 ? 1e-3 : 2e-5);
      }
    }
    for (long i = 0; i < d; i++) {
      expect("dgamma", N, i, dgamma[i], dg[i], 2e-5 * std::sqrt(N));
      if (centred) expect("dbeta", N, i, dbeta[i], db[i], 2e-5 * std::sqrt(N));
      if (centred) expect("column sums", N, i, sums[i], db[i], 2e-5 * std::sqrt(N));
    }
  }
}

double cdf(double x) { return 0.5 * std::erfc(-x * 0.70710678118654752); }

void activations(long n) {
  Floats x = random_floats(n, 9), dy = random_floats(n), y(x.size()), dx(x.size());
  winnow_gelu(n, x.data(), y.data());
  winnow_gelu_gradient(n, x.data(), dy.data(), dx.data());
  for (long i = 0; i < n; i++) {
    const double v = x[i], density = std::exp(-v * v / 2) * 0.39894228040143268;
    if (!(std::fabs(y[i] - v * cdf(v)) < 1e-6)) expect("gelu", n, i, y[i], v * cdf(v), 0);
    if (!(std::fabs(dx[i] - dy[i] * (cdf(v) + v * density)) < 1e-6)) expect("gelu, dx", n, i, dx[i], dy[i] * (cdf(v) + v * density), 0);
  }
  const Floats both = random_floats(2 * n, 9);
  Floats dboth(both.size());
  for (const long rows : {1L, n}) {
    const long m = n / rows;
    winnow_silu_gate(rows, m, both.data(), y.data());
    winnow_silu_gate_gradient(rows, m, both.data(), dy.data(), dboth.data());
    for (long r = 0; r < rows; r++)
      for (long i = 0; i < m; i++) {
        const double g = both[2 * r * m + i], u = both[(2 * r + 1) * m + i], s = 1 / (1 + std::exp(-g)), d = dy[r * m + i];
        expect("silu gate", n, i, y[r * m + i], g * s * u, 2e-6);
        expect("silu gate, dgate", n, i, dboth[2 * r * m + i], d * u * (s + g * s * (1 - s)), 2e-6);
        expect("silu gate, dup", n, i, dboth[(2 * r + 1) * m + i], d * g * s, 2e-6);
      }
  }
  winnow_add3(n, x.data(), dy.data(), both.data(), y.data());
  for (long i = 0; i < n; i++) expect("add3", n, i, y[i], static_cast<double>(x[i]) + dy[i] + both[i], 1e-6);
  x[n / 2] = std::numeric_limits<float>::quiet_NaN();
  x[0] = n > 1 ? std::numeric_limits<float>::infinity() : x[0];
  winnow_gelu(n, x.data(), y.data());
  if (y[n / 2] == y[n / 2] || (n > 1 && y[0] != x[0])) expect("gelu of NaN and infinity", n, 0, 0, 1, 0);
}

void embedding(long V, long d, long N) {
  const Floats weight = random_floats(V * d), dy = random_floats(N * d);
  std::vector<int32_t> ids(static_cast<size_t>(N));
  for (auto& id : ids) id = static_cast<int32_t>((uniform() + 1) / 2 * static_cast<float>(V)) % V;
  Floats y(static_cast<size_t>(N * d)), out(static_cast<size_t>(V * d), 7.f);
  if (winnow_gather_rows(V, d, N, weight.data(), ids.data(), y.data()) != -1) expect("gather", V, N, 0, 1, 0);
  winnow_scatter_rows(V, d, N, dy.data(), ids.data(), out.data());
  Floats sum(static_cast<size_t>(V * d));
  for (long n = 0; n < N; n++)
    for (long i = 0; i < d; i++) {
      expect("gather", n, i, y[n * d + i], weight[ids[n] * d + i], 0);
      sum[ids[n] * d + i] += dy[n * d + i];
    }
  for (long i = 0; i < V * d; i++) expect("scatter", i / d, i % d, out[i], sum[i], 0);
  for (const int32_t wrong : {-1, static_cast<int32_t>(V)}) {
    ids[N / 2] = wrong;
    expect("id outside", V, wrong, winnow_gather_rows(V, d, N, weight.data(), ids.data(), y.data()), N / 2, 0);
  }
}

void optimizer(long n) {
  Floats p = random_floats(n), m = random_floats(n), v = random_floats(n), p0 = p, m0 = m;
  const Floats g = random_floats(n);
  for (auto& x : v) x = std::fabs(x);
  const Floats v0 = v;
  winnow_adamw(n, p.data(), g.data(), m.data(), v.data(), 0.5f, 0.99f, 0.01f, 0.1f, 0.05f, 1e-8f);
  double squares = 0;
  for (long i = 0; i < n; i++) {
    const double gi = 0.5 * g[i], mi = m0[i] + 0.1 * (gi - m0[i]), vi = v0[i] + 0.05 * (gi * gi - v0[i]);
    expect("m", n, i, m[i], mi, 1e-6);
    expect("v", n, i, v[i], vi, 1e-6);
    expect("p", n, i, p[i], p0[i] * 0.99 - 0.01 * mi / (std::sqrt(vi) + 1e-8), 1e-6);
    squares += static_cast<double>(g[i]) * g[i];
  }
  expect("sum of squares", n, 0, winnow_square_sum(n, g.data()), squares, 1e-6);
}

void attention(WinnowAttention s, bool packing) {
  const long N = static_cast<long>(s.B) * s.T, C = (s.Q + 2L * s.G) * s.h, h = s.h, share = s.Q / s.G, half = s.rotated / 2;
  const long rows = s.tables_by_row ? N : s.T;
  const Floats packed = random_floats(N * C, 2), cos = random_floats(rows * h), sin = random_floats(rows * h), d_out = random_floats(N * s.Q * h);
  std::vector<int32_t> start(static_cast<size_t>(N));
  for (long b = 0; b < s.B; b++)
    for (long t = 0, from = 0; t < s.T; t++) {
      if (uniform() > 0.9f) from = t;
      start[b * s.T + t] = static_cast<int32_t>(from);
      if (b == 0 && t > 2 && t >= s.T - 3) start[b * s.T + t] = static_cast<int32_t>(t + 1);  // padding
    }
  const int32_t* starts = packing ? start.data() : nullptr;
  Floats out(static_cast<size_t>(N * s.Q * h), 7.f), lse(static_cast<size_t>(N * s.Q)), d_packed(packed.size(), 7.f);
  winnow_attention(&s, packed.data(), cos.data(), sin.data(), starts, out.data(), lse.data());
  winnow_attention_gradient(&s, packed.data(), cos.data(), sin.data(), starts, out.data(), lse.data(), d_out.data(), d_packed.data());

  const auto at = [&](long head, int kind) {
    if (s.by_head) return (3 * head + kind) * h;
    return (kind == 0 ? head : kind == 1 ? s.Q + head : s.Q + s.G + head) * h;
  };
  typedef std::vector<double> Doubles;
  const auto rotated = [&](long b, long t, long offset) {
    Doubles y(static_cast<size_t>(h));
    const float *x = &packed[(b * s.T + t) * C + offset], *c = &cos[(s.tables_by_row ? b * s.T + t : t) * h],
                *n = &sin[(s.tables_by_row ? b * s.T + t : t) * h];
    for (long j = 0; j < h; j++)
      y[j] = static_cast<double>(x[j]) * c[j] + (j < half ? -static_cast<double>(x[j + half]) * n[j] : j < 2 * half ? static_cast<double>(x[j - half]) * n[j] : 0);
    return y;
  };
  Doubles expected(packed.size());
  const auto back = [&](long b, long t, long offset, long j, double d) {
    double* x = &expected[(b * s.T + t) * C + offset];
    const float *c = &cos[(s.tables_by_row ? b * s.T + t : t) * h], *n = &sin[(s.tables_by_row ? b * s.T + t : t) * h];
    x[j] += d * c[j];
    if (j < half) x[j + half] -= d * n[j];
    else if (j < 2 * half) x[j - half] += d * n[j];
  };
  for (long b = 0; b < s.B; b++)
    for (long head = 0; head < s.Q; head++)
      for (long t = 0; t < s.T; t++) {
        const long g = head / share, row = b * s.T + t, lo = starts ? starts[row] : 0;
        const Doubles q = rotated(b, t, at(head, 0));
        Doubles p(static_cast<size_t>(s.T)), k;
        double max = -1e300, sum = 0, along = 0;
        for (long i = lo; i <= t; i++) {
          k = rotated(b, i, at(g, 1));
          for (long j = 0; j < h; j++) p[i] += q[j] * k[j];
          max = std::fmax(max, p[i]);
        }
        for (long i = lo; i <= t; i++) sum += p[i] = std::exp(p[i] - max);
        const float* d = &d_out[(row * s.Q + head) * h];
        for (long j = 0; j < h; j++) {
          double value = 0;
          for (long i = lo; i <= t; i++) value += p[i] / sum * packed[(b * s.T + i) * C + at(g, 2) + j];
          expect("context", row, head * h + j, out[(row * s.Q + head) * h + j], value, 1e-5);
          along += value * d[j];
        }
        if (lo <= t) expect("log-sum-exp", row, head, lse[row * s.Q + head], max + std::log(sum), 1e-5);
        for (long i = lo; i <= t; i++) {
          double dp = 0;
          p[i] /= sum;
          k = rotated(b, i, at(g, 1));
          for (long j = 0; j < h; j++) dp += static_cast<double>(d[j]) * packed[(b * s.T + i) * C + at(g, 2) + j];
          const double ds = p[i] * (dp - along);
          for (long j = 0; j < h; j++) {
            expected[(b * s.T + i) * C + at(g, 2) + j] += p[i] * d[j];
            back(b, t, at(head, 0), j, ds * k[j]);
            back(b, i, at(g, 1), j, ds * q[j]);
          }
        }
      }
  for (size_t i = 0; i < expected.size(); i++)
    expect("d packed", static_cast<long>(i) / C, static_cast<long>(i) % C, d_packed[i], expected[i], 3e-5);
}

}  // namespace

int main() {
  for (const long N : {1, 5, 130})
    for (const long d : {1, 8, 33, 257}) norms(N, d);
  for (const long n : {1, 8, 33, 257, 40000}) activations(n);
  embedding(1, 1, 3);
  embedding(50, 33, 200);
  embedding(3000, 40, 700);
  for (const long n : {1, 33, 40000}) optimizer(n);
  for (const int T : {1, 2, 65, 300})
    for (const bool packing : {false, true}) {
      attention({2, T, 2, 2, 8, 2, 1, 0}, packing);
      attention({1, T, 4, 2, 34, 34, 0, 1}, packing);
      if (T < 100) attention({2, T, 3, 1, 80, 20, 0, 0}, packing);
      if (T < 100) attention({1, T, 2, 2, 1, 0, 1, 1}, packing);
    }
  std::printf(failures == 0 ? "the kernels agree with sums in double\n" : "%d differences\n", failures);
  return failures != 0;
}
