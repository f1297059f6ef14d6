#include "norms.h"

#include "gemm.h"
#include "rows.h"

namespace winnow {
namespace {

// Several sums side by side hide the latency of the additions.
template <class F>
inline float row_sum(long d, F&& term) {
  vf a = zero(), b = zero(), c = zero(), e = zero();
  long i = 0;
  for (; i + 4 * LANES <= d; i += 4 * LANES) {
    a += term(i, static_cast<long>(LANES));
    b += term(i + LANES, static_cast<long>(LANES));
    c += term(i + 2 * LANES, static_cast<long>(LANES));
    e += term(i + 3 * LANES, static_cast<long>(LANES));
  }
  each_vector(i, d, [&](long j, long n) { a += term(j, n); });
  return reduce_add((a + b) + (c + e));
}

// Where row r of d numbers begins: rows one after the other, or the heads of one kind in packed rows.
struct Rows {
  long d;
  long operator()(long r) const { return r * d; }
};
struct Heads {
  long heads, width, first, h;
  long operator()(long r) const { return r / heads * width + first + r % heads * h; }
};

template <bool CENTRED, class Place>
void forward(long N, long d, Place at, const float* x, const float* gamma, const float* beta, float eps, float* y, float* mean,
             float* rstd) {
  parallel_rows(N, d, [&](long from, long to) {
    for (long r = from; r < to; r++) {
      const float* row = x + at(r);
      float* out = y + at(r);
      const float mu = CENTRED ? row_sum(d, [&](long i, long n) { return load_partial(row + i, n); }) / d : 0.f;
      const vf m = splat(mu);
      const float square = row_sum(d, [&](long i, long n) {
        const vf c = CENTRED ? load_partial(row + i, n, mu) - m : load_partial(row + i, n);
        return c * c;
      });
      const float s = 1.f / std::sqrt(square / d + eps);
      const vf scale = splat(s);
      each_vector(0, d, [&](long i, long n) {
        const vf xhat = (CENTRED ? load_partial(row + i, n) - m : load_partial(row + i, n)) * scale;
        const vf g = xhat * load_partial(gamma + i, n);
        store_partial(out + i, CENTRED ? g + load_partial(beta + i, n) : g, n);
      });
      if (CENTRED) mean[r] = mu;
      rstd[r] = s;
    }
  });
}

// With xhat = (x - mean) rstd and h = dy gamma: dx = rstd (h - mean(h) - xhat mean(h xhat)), without mean(h) if not centred.
template <bool CENTRED, class Place>
void backward(long N, long d, Place at, const float* x, const float* gamma, const float* mean, const float* rstd, const float* dy,
              float* dx, float* dgamma, float* dbeta) {
  static thread_local Buffer memory;
  const long groups = sum_groups(N);
  const long width = CENTRED ? 2 * d : d;
  float* partial = memory.of<float>(static_cast<size_t>(groups * width));
  parallel(groups, [&](long g) {
    float* dg = partial + g * width;
    float* db = dg + d;
    std::memset(dg, 0, static_cast<size_t>(width) * 4);
    for (long r = part_begin(N, groups, g), end = part_begin(N, groups, g + 1); r < end; r++) {
      const float *row = x + at(r), *up = dy + at(r);
      float* out = dx + at(r);
      const vf m = splat(CENTRED ? mean[r] : 0.f), s = splat(rstd[r]);
      const auto xhat = [&](long i, long n) {
        const vf v = load_partial(row + i, n);
        return (CENTRED ? v - m : v) * s;
      };
      vf sum = zero(), along = zero();
      each_vector(0, d, [&](long i, long n) {
        const vf u = load_partial(up + i, n), h = u * load_partial(gamma + i, n), xh = xhat(i, n);
        along += h * xh;
        store_partial(dg + i, load_partial(dg + i, n) + u * xh, n);
        if (CENTRED) {
          sum += h;
          store_partial(db + i, load_partial(db + i, n) + u, n);
        }
      });
      const vf mean_h = splat(CENTRED ? reduce_add(sum) / d : 0.f), mean_hx = splat(reduce_add(along) / d);
      each_vector(0, d, [&](long i, long n) {
        const vf h = load_partial(up + i, n) * load_partial(gamma + i, n);
        const vf rest = h - xhat(i, n) * mean_hx;
        store_partial(out + i, (CENTRED ? rest - mean_h : rest) * s, n);
      });
    }
  });
  add_groups(groups, width, d, partial, dgamma);
  if (CENTRED) add_groups(groups, width, d, partial + d, dbeta);
}

// The values of packed rows, which pass a norm of heads as they are.
void copy_values(long N, long width, long first, const float* from, float* to) {
  parallel_rows(N, width - first, [&](long begin, long end) {
    for (long r = begin; r < end; r++)
      std::memcpy(to + r * width + first, from + r * width + first, static_cast<size_t>(width - first) * 4);
  });
}

}  // namespace
}  // namespace winnow

WINNOW_API void winnow_layer_norm(int64_t N, int64_t d, const float* x, const float* gamma, const float* beta, float eps, float* y,
                                  float* mean, float* rstd) {
  winnow::forward<true>(N, d, winnow::Rows{d}, x, gamma, beta, eps, y, mean, rstd);
}

WINNOW_API void winnow_layer_norm_gradient(int64_t N, int64_t d, const float* x, const float* gamma, const float* mean, const float* rstd,
                                           const float* dy, float* dx, float* dgamma, float* dbeta) {
  winnow::backward<true>(N, d, winnow::Rows{d}, x, gamma, mean, rstd, dy, dx, dgamma, dbeta);
}

WINNOW_API void winnow_rms_norm(int64_t N, int64_t d, const float* x, const float* gamma, float eps, float* y, float* rstd) {
  winnow::forward<false>(N, d, winnow::Rows{d}, x, gamma, nullptr, eps, y, nullptr, rstd);
}

WINNOW_API void winnow_rms_norm_gradient(int64_t N, int64_t d, const float* x, const float* gamma, const float* rstd, const float* dy,
                                         float* dx, float* dgamma) {
  winnow::backward<false>(N, d, winnow::Rows{d}, x, gamma, nullptr, rstd, dy, dx, dgamma, nullptr);
}

WINNOW_API void winnow_head_norm(int64_t N, int64_t Q, int64_t G, int64_t h, const float* x, const float* queries, const float* keys,
                                 float eps, float* y, float* rstd) {
  using namespace winnow;
  const long width = (Q + 2 * G) * h;
  forward<false>(N * Q, h, Heads{Q, width, 0, h}, x, queries, nullptr, eps, y, nullptr, rstd);
  forward<false>(N * G, h, Heads{G, width, Q * h, h}, x, keys, nullptr, eps, y, nullptr, rstd + N * Q);
  copy_values(N, width, (Q + G) * h, x, y);
}

WINNOW_API void winnow_head_norm_gradient(int64_t N, int64_t Q, int64_t G, int64_t h, const float* x, const float* queries,
                                          const float* keys, const float* rstd, const float* dy, float* dx, float* dqueries,
                                          float* dkeys) {
  using namespace winnow;
  const long width = (Q + 2 * G) * h;
  backward<false>(N * Q, h, Heads{Q, width, 0, h}, x, queries, nullptr, rstd, dy, dx, dqueries, nullptr);
  backward<false>(N * G, h, Heads{G, width, Q * h, h}, x, keys, nullptr, rstd + N * Q, dy, dx, dkeys, nullptr);
  copy_values(N, width, (Q + G) * h, dy, dx);
}

WINNOW_API void winnow_column_sums(int64_t N, int64_t d, const float* x, int64_t ld, float* out) {
  using namespace winnow;
  static thread_local Buffer memory;
  const long groups = sum_groups(N);
  float* partial = memory.of<float>(static_cast<size_t>(groups * d));
  parallel(groups, [&](long g) {
    float* sum = partial + g * d;
    std::memset(sum, 0, static_cast<size_t>(d) * 4);
    for (long r = part_begin(N, groups, g), end = part_begin(N, groups, g + 1); r < end; r++)
      each_vector(0, d, [&](long i, long n) {
        store_partial(sum + i, load_partial(sum + i, n) + load_partial(x + r * ld + i, n), n);
      });
  });
  add_groups(groups, d, d, partial, out);
}
