// The driver of the library's own tests: random cases from a seed, compared to plain loops in double.
//
// A test is a function of a generator. It draws its sizes and values from it, computes them by the library and by plain
// loops, and compares; each case is one seed, and the output of a failed case has the command that repeats it:
//
//     static void my_test(check::Random& random) {
//       const long n = random.size(300);
//       const std::vector<float> x = random.normals(n);
//       ...
//       check::near("sums", got.data(), want.data(), n, tolerance);
//     }
//     int main(int argc, char** argv) { return check::run(argc, argv, {{"my test", my_test}}); }
//
// Vectors are no longer than the range that the library may touch: the address sanitizer detects every access beyond.
// Arguments: --cases N (of each test, 200), --seconds S (as many cases as fit instead), --seed S (the first).
#pragma once
#include <chrono>
#include <cmath>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

extern "C" void winnow_set_threads(int n);

namespace check {

// splitmix64: every seed is good, and case n + 1 is not near case n.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15ull + 0x1234567) {}
  uint64_t next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  // In [0, 1).
  double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }
  double normal() { return std::sqrt(-2 * std::log(1 - uniform())) * std::cos(6.283185307179586 * uniform()); }
  // Whole numbers from low to high, both included.
  long between(long low, long high) { return low + static_cast<long>(uniform() * static_cast<double>(high - low + 1)); }
  bool coin(double chance = 0.5) { return uniform() < chance; }
  // A size from 1 to `most`: often 1, a multiple of the vectors or a neighbour of one, else of any magnitude.
  long size(long most) {
    if (coin(0.1)) return 1;
    const long any = static_cast<long>(std::exp(uniform() * std::log(static_cast<double>(most) + 1)));
    const long n = coin(0.4) ? between(1, most / 16 + 1) * 16 + between(-1, 1) : any;
    return n < 1 ? 1 : n > most ? most : n;
  }
  std::vector<float> normals(size_t n, double scale = 1) {
    std::vector<float> x(n);
    for (float& v : x) v = static_cast<float>(normal() * scale);
    return x;
  }

 private:
  uint64_t state_;
};

[[noreturn]] __attribute__((format(printf, 1, 2))) inline void fail(const char* format, ...) {
  char text[512];
  va_list list;
  va_start(list, format);
  std::vsnprintf(text, sizeof text, format, list);
  va_end(list);
  throw std::runtime_error(text);
}

// The comparisons under each name: the largest error, as a share of its tolerance.
struct Compared {
  double worst = 0;
  long count = 0;
};
inline std::map<std::string, Compared>& compared() {
  static std::map<std::string, Compared> all;
  return all;
}

// got must be within `tolerance` of want; NaN equals NaN, an infinity the same infinity.
inline void near(const char* what, double got, double want, double tolerance, long index = 0) {
  Compared& c = compared()[what];
  c.count++;
  if ((std::isnan(got) && std::isnan(want)) || got == want) return;
  const double error = std::fabs(got - want) / tolerance;
  if (!(error <= 1)) fail("%s[%ld] is %.9g, expected %.9g within %.3g", what, index, got, want, tolerance);
  if (error > c.worst) c.worst = error;
}

// n elements, each with its own tolerance (`tolerance` is a number or can be indexed).
template <class Tolerance>
inline void near(const char* what, const float* got, const double* want, size_t n, const Tolerance& tolerance) {
  for (size_t i = 0; i < n; i++) {
    double limit;
    if constexpr (std::is_arithmetic_v<Tolerance>) limit = tolerance;
    else limit = tolerance[i];
    near(what, got[i], want[i], limit, static_cast<long>(i));
  }
}

// The same bits, for values that must not depend on threads, or must not be touched.
inline void same(const char* what, const float* got, const float* want, size_t n) {
  compared()[what].count += static_cast<long>(n);
  for (size_t i = 0; i < n; i++)
    if (std::memcmp(got + i, want + i, 4) != 0) fail("%s[%zu] is %.9g, expected the same bits as %.9g", what, i, got[i], want[i]);
}

struct Test {
  const char* name;
  void (*body)(Random&);
};

// Runs the tests; the exit code of the process.
inline int run(int argc, char** argv, std::initializer_list<Test> tests) {
  long cases = 200;
  double seconds = 0;
  uint64_t first = 1;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--cases") == 0) cases = std::atol(argv[i + 1]);
    else if (std::strcmp(argv[i], "--seconds") == 0) seconds = std::atof(argv[i + 1]);
    else if (std::strcmp(argv[i], "--seed") == 0) first = std::strtoull(argv[i + 1], nullptr, 10);
    else {
      std::fprintf(stderr, "unknown argument %s\n", argv[i]);
      return 2;
    }
  }
  const auto now = [] { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); };
  bool all_passed = true;
  for (const Test& test : tests) {
    bool failed = false;
    compared().clear();
    const double end = now() + seconds / static_cast<double>(tests.size());
    long done = 0;
    uint64_t seed = first;
    for (; seconds > 0 ? now() < end : done < cases; seed++, done++) {
      Random random(seed);
      // Other numbers of threads are tried only in some cases, because a change takes longer than a case. The seed
      // decides.
      if (done == 0 || seed % 16 == 0) winnow_set_threads(static_cast<int>(1 + seed / 16 % 4));
      try {
        test.body(random);
      } catch (const std::exception& error) {
        const char* slash = std::strrchr(argv[0], '/');
        const std::string program = slash == nullptr ? argv[0] : slash + 1;
        std::printf("FAILED %s: %s\n  again: bun run native:check --only %s --seed %llu --cases 1\n", test.name, error.what(),
                    program.substr(0, program.rfind("-test")).c_str(), static_cast<unsigned long long>(seed));
        failed = true;
        break;
      }
    }
    all_passed = all_passed && !failed;
    if (failed) continue;
    std::printf("%s: %ld cases\n", test.name, done);
    for (const auto& [what, c] : compared()) {
      std::printf("  %-24s %9ld compared", what.c_str(), c.count);
      if (c.worst > 0) std::printf(", the worst at %.2f of its tolerance", c.worst);
      std::printf("\n");
    }
  }
  std::fflush(stdout);
  return all_passed ? 0 : 1;
}

}  // namespace check
