// Memory that is zero at first. Large pieces are mapped: the system gives a page when it is touched, in large pages where it can,
// as reading through thousands of small ones takes longer for their addresses than for their contents. Small pieces that are
// freed wait for the next request of their size: the system would take the pages back and give others, at a fault each.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <new>
#include <unordered_map>
#include <utility>
#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#endif

namespace winnow {

// Freed pieces by their size: those that have waited for longest give way to others. It lives as long as the process.
class FreedPieces {
 public:
  // A piece of so many bytes, not zero; null if none waits.
  void* take(size_t bytes) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = of_size_.find(bytes);
    if (found == of_size_.end()) return nullptr;
    void* memory = found->second.back().memory;
    found->second.pop_back();
    if (found->second.empty()) of_size_.erase(found);
    held_ -= bytes;
    return memory;
  }
  // False where it cannot wait; the caller then frees it.
  bool keep(void* memory, size_t bytes) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (bytes > MOST) return false;
    while (held_ + bytes > MOST) free_oldest();
    try {
      of_size_[bytes].push_back({memory, clock_++});
    } catch (const std::bad_alloc&) {
      if (const auto found = of_size_.find(bytes); found != of_size_.end() && found->second.empty()) of_size_.erase(found);
      return false;
    }
    held_ += bytes;
    return true;
  }
  // Bytes of all pieces that wait.
  size_t held() const { return held_; }

 private:
  struct Piece {
    void* memory;
    uint64_t since;
  };
  void free_oldest() noexcept {
    auto oldest = of_size_.begin();
    for (auto each = of_size_.begin(); each != of_size_.end(); ++each)
      if (each->second.front().since < oldest->second.front().since) oldest = each;
    std::free(oldest->second.front().memory);
    held_ -= oldest->first;
    oldest->second.pop_front();
    if (oldest->second.empty()) of_size_.erase(oldest);
  }
  // Bytes: the caches of 32 texts of a model of a few layers. None under a sanitizer, which then sees a use after the end.
#if defined(__SANITIZE_ADDRESS__)
  static constexpr size_t MOST = 0;
#else
  static constexpr size_t MOST = size_t{64} << 20;
#endif
  std::mutex mutex_;
  // The pieces of a size, the oldest first; no size without one.
  std::unordered_map<size_t, std::deque<Piece>> of_size_;
  size_t held_ = 0;
  uint64_t clock_ = 0;
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
