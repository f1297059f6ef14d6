// Memory that is zero at first. Large pieces are mapped: the system gives a page when it is touched, in large pages where it can,
// as reading through thousands of small ones takes longer for their addresses than for their contents.
#pragma once
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>
#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#endif

namespace winnow {

class ZeroPages {
 public:
  ZeroPages() = default;
  // Throws std::bad_alloc.
  explicit ZeroPages(size_t bytes) : bytes_((bytes + 63) / 64 * 64) {
#if defined(__unix__) || defined(__APPLE__)
    if (mapped()) {
      p_ = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (p_ == MAP_FAILED) {
        p_ = nullptr;
        throw std::bad_alloc();
      }
#if defined(__linux__)
      madvise(p_, bytes_, MADV_HUGEPAGE);
#endif
      return;
    }
#endif
    p_ = std::aligned_alloc(64, bytes_);
    if (p_ == nullptr) throw std::bad_alloc();
    std::memset(p_, 0, bytes_);
  }
  ~ZeroPages() {
    if (p_ == nullptr) return;
#if defined(__unix__) || defined(__APPLE__)
    if (mapped()) {
      munmap(p_, bytes_);
      return;
    }
#endif
    std::free(p_);
  }
  ZeroPages(ZeroPages&& other) noexcept { *this = std::move(other); }
  ZeroPages& operator=(ZeroPages&& other) noexcept {
    std::swap(p_, other.p_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  template <class T>
  T* of() const {
    return static_cast<T*>(p_);
  }
  size_t bytes() const { return bytes_; }

 private:
  // From the size of two large pages on.
  bool mapped() const { return bytes_ >= size_t{1} << 22; }
  void* p_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace winnow
