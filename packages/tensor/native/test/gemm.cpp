// Products against loops in double: any sizes, both orders of both operands, strides, accumulation, bias, both precisions.
#include "../gemm.h"

#include <new>
#include <thread>

#include "../pool.h"
#include "check.h"

extern "C" int winnow_gemm(int precision, int64_t M, int64_t N, int64_t K, const float* A, int64_t lda, int trans_a, const float* B,
                           int64_t ldb, int trans_b, float* C, int64_t ldc, int accumulate, const float* bias);

namespace {

using winnow::Precision;

// A matrix in the form of the product: `rows` x `cols` after transposition, in exactly the memory that it spans.
struct Matrix {
  std::vector<float> memory;
  long ld;
  bool transposed;
  float at(long r, long c) const { return memory[static_cast<size_t>(transposed ? c * ld + r : r * ld + c)]; }
};

Matrix matrix(check::Random& random, long rows, long cols) {
  Matrix m;
  m.transposed = random.coin();
  const long outer = m.transposed ? cols : rows, inner = m.transposed ? rows : cols;
  m.ld = inner + (random.coin(0.3) ? random.between(1, 40) : 0);
  m.memory = random.normals(static_cast<size_t>(outer == 0 ? 0 : (outer - 1) * m.ld + inner), std::exp(random.between(-3, 3)));
  return m;
}

double operand(Precision precision, float x) {
  return precision == Precision::BF16 ? winnow::from_bf16(winnow::to_bf16(x)) : x;
}

struct Case {
  Precision precision;
  long M, N, K, ldc;
  bool accumulate;
  Matrix A, B;
  std::vector<float> C, bias;  // bias empty: none

  explicit Case(check::Random& random) {
    precision = random.coin() ? Precision::BF16 : Precision::F32;
    M = random.size(90);
    N = random.size(150);
    K = random.coin(0.03) ? 0 : random.size(random.coin(0.1) ? 1500 : 200);
    A = matrix(random, M, K);
    B = matrix(random, K, N);
    ldc = N + (random.coin(0.3) ? random.between(1, 40) : 0);
    C = random.normals(static_cast<size_t>((M - 1) * ldc + N));
    accumulate = random.coin(0.3);
    if (random.coin(0.4)) bias = random.normals(static_cast<size_t>(N));
  }

  std::vector<float> compute() const {
    std::vector<float> out = C;
    winnow::gemm(precision, M, N, K, A.memory.data(), A.ld, A.transposed, B.memory.data(), B.ld, B.transposed, out.data(), ldc, accumulate,
                 bias.empty() ? nullptr : bias.data());
    return out;
  }
};

// Rounding of a sum of K products in float32 grows like sqrt(K) of the sum of magnitudes.
double tolerance(long k, double magnitude) { return 6e-8 * (4 + std::sqrt(static_cast<double>(k))) * magnitude + 1e-37; }

void values(check::Random& random) {
  const Case c(random);
  const std::vector<float> out = c.compute();
  for (long i = 0; i < c.M; i++)
    for (long j = 0; j < c.ldc && i * c.ldc + j < static_cast<long>(c.C.size()); j++) {
      const long at = i * c.ldc + j;
      if (j >= c.N) {  // The gaps between rows are not written.
        check::same("between rows", &out[at], &c.C[at], 1);
        continue;
      }
      double sum = (c.accumulate ? c.C[at] : 0.0) + (c.bias.empty() ? 0.0 : c.bias[j]);
      double magnitude = std::fabs(c.accumulate ? c.C[at] : 0.0) + std::fabs(c.bias.empty() ? 0.0 : c.bias[j]);
      for (long k = 0; k < c.K; k++) {
        const double term = operand(c.precision, c.A.at(i, k)) * operand(c.precision, c.B.at(k, j));
        sum += term;
        magnitude += std::fabs(term);
      }
      check::near(c.precision == Precision::BF16 ? "bfloat16" : "float32", out[at], sum, tolerance(c.K, magnitude), at);
    }
}

// The same bits on any number of threads.
void threads(check::Random& random) {
  const Case c(random);
  winnow_set_threads(1);
  const std::vector<float> one = c.compute();
  winnow_set_threads(static_cast<int>(random.between(2, 5)));
  const std::vector<float> many = c.compute();
  check::same("threads", many.data(), one.data(), one.size());
}

// A NaN or infinity in an operand appears in its row or column of the product, and only there.
void specials(check::Random& random) {
  Case c(random);
  if (c.K == 0) return;
  c.accumulate = false;
  c.bias.clear();
  const long row = random.between(0, c.M - 1), k = random.between(0, c.K - 1);
  const float special = random.coin() ? NAN : INFINITY;
  c.A.memory[static_cast<size_t>(c.A.transposed ? k * c.A.ld + row : row * c.A.ld + k)] = special;
  const std::vector<float> out = c.compute();
  for (long i = 0; i < c.M; i++)
    for (long j = 0; j < c.N; j++) {
      const float x = out[static_cast<size_t>(i * c.ldc + j)];
      if (std::isfinite(x) != (i != row)) check::fail("C[%ld, %ld] is %g, A[%ld, %ld] is %g", i, j, x, row, k, special);
    }
}

// Several threads multiply at once, while another sets the number of threads: each result is the same as alone.
void callers(check::Random& random) {
  const Case cases[] = {Case(random), Case(random), Case(random)};
  std::vector<float> want[3], got[3];
  for (int i = 0; i < 3; i++) want[i] = cases[i].compute();
  std::vector<std::thread> callers;
  for (int i = 0; i < 3; i++) callers.emplace_back([&, i] { got[i] = cases[i].compute(); });
  if (random.coin(0.1)) winnow_set_threads(static_cast<int>(random.between(1, 4)));
  for (std::thread& caller : callers) caller.join();
  for (int i = 0; i < 3; i++) check::same("callers", got[i].data(), want[i].data(), want[i].size());
}

// More bfloat16 rows than fit into memory are refused before any is read. Sanitizers end the program at such a size.
void no_memory(check::Random&) {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  float x = 1, y = 7;
  const int status = winnow_gemm(1, int64_t{1} << 50, 1, 1, &x, 1, 0, &x, 1, 0, &y, 1, 0, nullptr);
  if (status != 1 || y != 7) check::fail("a product without memory returned %d and wrote %g", status, y);
#endif
}

// An exception of a part reaches the caller, and the next loop runs normally.
void failures(check::Random& random) {
  const long parts = random.between(1, 40), failing = random.between(0, parts - 1);
  bool caught = false;
  try {
    winnow::parallel(parts, [&](long part) {
      if (part == failing) throw std::bad_alloc();
    });
  } catch (const std::bad_alloc&) {
    caught = true;
  }
  if (!caught) check::fail("what part %ld of %ld threw did not arrive", failing, parts);
  std::vector<int> done(static_cast<size_t>(parts));
  winnow::parallel(parts, [&](long part) { done[static_cast<size_t>(part)]++; });
  for (long part = 0; part < parts; part++)
    if (done[static_cast<size_t>(part)] != 1) check::fail("part %ld ran %d times", part, done[static_cast<size_t>(part)]);
}

}  // namespace

int main(int argc, char** argv) {
  return check::run(argc, argv,
                    {{"gemm: values", values},
                     {"gemm: threads", threads},
                     {"gemm: specials", specials},
                     {"gemm: callers", callers},
                     {"gemm: no memory", no_memory},
                     {"pool: failures", failures}});
}
