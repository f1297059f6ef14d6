#include "gemm.h"

#include <algorithm>

#include "guard.h"
#include "pool.h"

namespace winnow {
namespace {

// Elements of k in one pass of a tile: a panel of B then fits the second-level cache.
constexpr long K_BLOCK = 1024;
// Smaller products (in multiplications) are not worth waking a thread.
constexpr double SMALL = 1 << 17;

template <class P, bool TRANS_A>
void multiply(long M, long N, long K, const float* A, long lda, const float* B, long ldb, bool trans_b, float* C, long ldc,
              bool accumulate, const float* bias) {
  constexpr Order O = TRANS_A ? transposed_order<P>() : Order::ROWS;
  typedef typename P::unit unit;
  static thread_local Buffer packed_a;
  const uint16_t* halves = halves_at(B);
  const long n_panels = panels(N);
  const bool small = static_cast<double>(M) * N * K < SMALL;
  for (long k0 = 0; k0 < K; k0 += K_BLOCK) {
    const long k = std::min(K_BLOCK, K - k0);
    const long u = units<P>(k);
    const bool add = accumulate || k0 > 0;
    const bool last = k0 + k == K;
    const unit* a = nullptr;
    long a_ld = 0;
    if constexpr (P::PER == 1) {
      a = TRANS_A ? A + k0 * lda : A + k0;
      a_ld = lda;
    } else {
      unit* out = packed_a.of<unit>(static_cast<size_t>(round_up(M, P::ROW_PAD)) * u);
      a_ld = O == Order::K ? M : u;
      const long unit_rows = O == Order::K ? u : M;  // The size that is cut into parts.
      const long parts = small ? 1 : std::min<long>(4L * threads(), (unit_rows + 15) / 16);
      const auto pack = [&](long part) {
        const long from = part_begin(unit_rows, parts, part, 16), to = part_begin(unit_rows, parts, part + 1, 16);
        if (from == to) return;
        if constexpr (O == Order::K) pack_transposed<P>(A + (k0 + 2 * from) * lda, lda, M, std::min(k, 2 * to) - 2 * from, out + from * M);
        else if constexpr (TRANS_A) pack_rows_transposed<P>(A + k0 * lda + from, lda, to - from, k, out + from * u);
        else pack_rows<P>(A + from * lda + k0, lda, to - from, k, out + from * u);
      };
      parallel(parts, pack);
      a = out;
    }
    const auto row = [&](long m) { return O == Order::ROWS ? a + m * a_ld : a + m; };
    // Parts are blocks of rows x panels: by panels alone if there are enough, since a panel is then packed once.
    const long want = small ? 1 : 4L * threads();
    const long by_rows = n_panels >= want ? 1 : std::max<long>(1, std::min(want / n_panels, M / 48));
    const auto part = [&](long index) {
      static thread_local Buffer packed_b;
      unit* panel = packed_b.of<unit>(static_cast<size_t>(u) * COLS);
      const long j = index / by_rows, i = index % by_rows;
      const long n0 = j * COLS, cols = std::min<long>(COLS, N - n0);
      const long m0 = part_begin(M, by_rows, i, P::ROW_TILE), m1 = part_begin(M, by_rows, i + 1, P::ROW_TILE);
      if (m0 >= m1) return;
      if (halves) pack_panel_rows<P>(halves + n0 * ldb + k0, ldb, cols, k, panel);
      else if (trans_b) pack_panel_rows<P>(B + n0 * ldb + k0, ldb, cols, k, panel);
      else pack_panel_cols<P>(B + k0 * ldb + n0, ldb, cols, k, panel);
      float* c = C + m0 * ldc + n0;
      if (cols == COLS) {
        strip<P, O>(m1 - m0, u, row(m0), a_ld, panel, c, ldc, add);
      } else {
        alignas(64) float edge[P::ROW_TILE * COLS];
        for (long m = m0; m < m1; m += P::ROW_TILE) {
          const long rows = std::min<long>(P::ROW_TILE, m1 - m);
          micro<P, O>(static_cast<int>(rows), u, row(m), a_ld, panel, edge, COLS, false);
          for (long r = 0; r < rows; r++)
            for (long n = 0; n < cols; n++) {
              float& x = C[(m + r) * ldc + n0 + n];
              x = add ? x + edge[r * COLS + n] : edge[r * COLS + n];
            }
        }
      }
      if (last && bias != nullptr)
        for (long m = m0; m < m1; m++)
          for (long n = 0; n < cols; n++) C[m * ldc + n0 + n] += bias[n0 + n];
    };
    parallel(n_panels * by_rows, part);
  }
  if (K == 0)
    for (long m = 0; m < M; m++)
      for (long n = 0; n < N; n++) C[m * ldc + n] = (accumulate ? C[m * ldc + n] : 0) + (bias ? bias[n] : 0);
}

}  // namespace

void gemm(Precision precision, long M, long N, long K, const float* A, long lda, bool trans_a, const float* B, long ldb, bool trans_b,
          float* C, long ldc, bool accumulate, const float* bias) {
  if (M <= 0 || N <= 0) return;
  const auto run = precision == Precision::BF16 ? (trans_a ? multiply<BF16, true> : multiply<BF16, false>)
                                                : (trans_a ? multiply<F32, true> : multiply<F32, false>);
  run(M, N, K, A, lda, B, ldb, trans_b, C, ldc, accumulate, bias);
}

}  // namespace winnow

// The product of gemm.h by addresses. precision: 0 float32, 1 bfloat16. Returns 0, or 1 if memory does not suffice.
WINNOW_API int winnow_gemm(int precision, int64_t M, int64_t N, int64_t K, const float* A, int64_t lda, int trans_a, const float* B,
                           int64_t ldb, int trans_b, float* C, int64_t ldc, int accumulate, const float* bias) {
  return winnow::guarded([&] {
    winnow::gemm(static_cast<winnow::Precision>(precision), M, N, K, A, lda, trans_a != 0, B, ldb, trans_b != 0, C, ldc, accumulate != 0, bias);
  });
}

// 0 if small products agree with plain sums in this variant on this processor; else the number of the first wrong case.
WINNOW_API int winnow_selfcheck_gemm(void) {
  using namespace winnow;
  const long M = 37, N = 41, K = 67;
  Buffer memory;
  float* A = memory.of<float>(M * K + K * N + M * N);
  float *B = A + M * K, *C = B + K * N;
  uint32_t state = 1;
  for (long i = 0; i < M * K + K * N; i++) {
    state = state * 1664525u + 1013904223u;
    A[i] = static_cast<float>(state >> 8) / 8388608.f - 1.f;
  }
  for (int c = 0; c < 8; c++) {
    const bool bf16 = c & 1, ta = c & 2, tb = c & 4;
    gemm(bf16 ? Precision::BF16 : Precision::F32, M, N, K, A, ta ? M : K, ta, B, tb ? K : N, tb, C, N, false, nullptr);
    for (long m = 0; m < M; m++)
      for (long n = 0; n < N; n++) {
        double sum = 0;
        for (long k = 0; k < K; k++) {
          float a = ta ? A[k * M + m] : A[m * K + k], b = tb ? B[n * K + k] : B[k * N + n];
          if (bf16) a = from_bf16(to_bf16(a)), b = from_bf16(to_bf16(b));
          sum += static_cast<double>(a) * b;
        }
        if (!(std::fabs(C[m * N + n] - sum) < 1e-4)) return c + 1;
      }
  }
  return 0;
}
