// Memory that is zero at first. Large pieces are mapped: the system gives a page when it is touched, in large pages where it can,
// as reading through thousands of small ones takes longer for their addresses than for their contents. Small pieces that are
// freed wait for the next request of their size: the system would take the pages back and give others, at a fault each.
#pragma once
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <unordered_map>
#include <utility>
#include <vector>
#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#endif

namespace winnow {

// Freed pieces by their size. It lives as long as the process.
class FreedPieces {
 public:
  // A piece of so many bytes, not zero; null if none waits.
  void* take(size_t bytes) {
    const std::lock_guard<std::mutex> lock(mutex_);
    auto& pieces = of_size_[bytes];
    if (pieces.empty()) return nullptr;
    void* piece = pieces.back();
    pieces.pop_back();
    held_ -= bytes;
    return piece;
  }
  // False where the pieces that wait are enough; the caller then frees this one.
  bool keep(void* piece, size_t bytes) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (held_ + bytes > MOST) return false;
    try {
      of_size_[bytes].push_back(piece);
    } catch (const std::bad_alloc&) {
      return false;
    }
    held_ += bytes;
    return true;
  }

 private:
  // Bytes: the caches of 32 texts of a model of a few layers. None under a sanitizer, which then sees a use after the end.
#if defined(__SANITIZE_ADDRESS__)
  static constexpr size_t MOST = 0;
#else
  static constexpr size_t MOST = size_t{64} << 20;
#endif
  std::mutex mutex_;
  std::unordered_map<size_t, std::vector<void*>> of_size_;
  size_t held_ = 0;
};

inline FreedPieces& freed_pieces() {
  static FreedPieces& pieces = *new FreedPieces();
  return pieces;
}

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
    p_ = freed_pieces().take(bytes_);
    if (p_ == nullptr) p_ = std::aligned_alloc(64, bytes_);
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
    if (!freed_pieces().keep(p_, bytes_)) std::free(p_);
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
