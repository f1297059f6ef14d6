// A guard keeps exceptions inside the C interface: bun:ffi, the caller, cannot handle them, and the process would end.
#pragma once
#include <new>

namespace winnow {

// Runs f. Returns 0 at its end, or 1 if memory does not suffice: the output of f is then invalid.
template <class F>
inline int guarded(F&& f) noexcept {
  try {
    f();
    return 0;
  } catch (const std::bad_alloc&) {
    return 1;
  }
}

}  // namespace winnow
