// Persistent threads: a parallel loop costs a few microseconds, so that small products can use it too.
#pragma once
#include <atomic>
#include <type_traits>

namespace winnow {

// Number of threads of `parallel`, including the caller's own.
int threads();

// Runs f(data, part) for every part from 0 to parts - 1, each once, on all threads; returns after all of them. Any
// thread may run any part: results must depend only on the part. Inside a part a nested loop runs in order. Callers
// from several threads take turns. An exception of a part is thrown here after the loop; of several, one.
void run_parts(long parts, void (*f)(void* data, long part), void* data);

template <class F>
inline void parallel(long parts, F&& f) {
  using G = std::remove_reference_t<F>;
  run_parts(parts, [](void* g, long part) { (*static_cast<G*>(g))(part); }, const_cast<std::remove_const_t<G>*>(&f));
}

// The bounds of part p of n items cut into `parts` of about one size, in multiples of `unit`.
inline long part_begin(long n, long parts, long p, long unit = 1) {
  const long units = (n + unit - 1) / unit;
  const long at = units * p / parts * unit;
  return at < n ? at : n;
}

}  // namespace winnow
