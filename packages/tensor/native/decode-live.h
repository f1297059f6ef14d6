// Counts of decoders and of copies of weights that live, and the guard of calls from JavaScript.
#pragma once
#include <atomic>
#include <new>

namespace winnow::decode {

inline std::atomic<long> live{0}, live_bytes{0}, misses{0};

// Memory for a copy of weights, aligned to 64 bytes and counted; winnow_rounded_free frees it. Null without memory.
void* new_weights(long bytes);

// Calls from JavaScript must not see an exception.
template <class T, class F>
T guarded(T otherwise, F&& f) {
  try {
    return f();
  } catch (const std::bad_alloc&) {
    return otherwise;
  }
}

}  // namespace winnow::decode
