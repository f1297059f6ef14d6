// A guard keeps exceptions inside the C interface: bun:ffi, the caller, has no place for them; the process would end.
#pragma once
#include <new>

namespace winnow {

// Runs f. 0 when it is done, 1 when memory does not suffice: what f was to write is then of no use.
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
