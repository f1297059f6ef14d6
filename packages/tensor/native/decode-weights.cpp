// Weights for decoding in formats of their own: halves as in a file, rounded copies, 8-bit screens. See decode.h.
#include <algorithm>
#include <cstring>
#include <vector>
#if defined(__unix__) || defined(__APPLE__)
#include <sys/mman.h>
#include <unistd.h>
#define WINNOW_MAPS
#endif

#include "decode-head.h"
#include "decode-linear.h"
#include "decode-live.h"
#include "decode.h"
#include "gemm.h"
#include "pool.h"

using winnow::decode::guarded;
using winnow::decode::Screen;

WINNOW_API int64_t winnow_decode_live(void) { return winnow::decode::live; }
WINNOW_API int64_t winnow_decode_live_bytes(void) { return winnow::decode::live_bytes; }

WINNOW_API void* winnow_screen_new(const float* head, int64_t V, int64_t d) {
  return guarded<void*>(nullptr, [&] {
    auto* screen = new Screen(winnow::decode::weights_at(head), V, d);
    winnow::decode::live++;
    winnow::decode::live_bytes += screen->bytes();
    return screen;
  });
}
WINNOW_API void winnow_screen_free(void* screen) {
  if (screen == nullptr) return;
  winnow::decode::live--;
  winnow::decode::live_bytes -= static_cast<Screen*>(screen)->bytes();
  delete static_cast<Screen*>(screen);
}
// A cache line before the weights holds their size.
void* winnow::decode::new_weights(long weights) {
  const size_t bytes = 64 + static_cast<size_t>(weights);
  constexpr size_t LARGE = size_t{1} << 21;  // a large page: a read into fresh memory costs a fault for each page
  const size_t page = bytes >= 2 * LARGE ? LARGE : 64;
  char* memory = static_cast<char*>(std::aligned_alloc(page, (bytes + page - 1) / page * page));
  if (memory == nullptr) return nullptr;
#if defined(__linux__)
  if (page == LARGE) madvise(memory, bytes, MADV_HUGEPAGE);
#endif
  *reinterpret_cast<long*>(memory) = static_cast<long>(bytes);
  live++;
  live_bytes += static_cast<long>(bytes);
  return memory + 64;
}
// N rows of Bfloat16::stride(K).
static uint16_t* new_halves(long N, long K) {
  return static_cast<uint16_t*>(winnow::decode::new_weights(N * winnow::decode::Bfloat16::stride(K) * 2));
}
WINNOW_API void* winnow_halves_new(int64_t N, int64_t K) { return K % 32 == 0 ? new_halves(N, K) : nullptr; }
WINNOW_API void* winnow_floats_new(int64_t n) { return winnow::decode::new_weights(4 * n); }
WINNOW_API void* winnow_halves_map(int fd, int64_t offset, int64_t n) {
#if defined(WINNOW_MAPS)
  const long page = sysconf(_SC_PAGESIZE), before = offset % page;
  if (offset % 4 != 0 || n <= 0) return nullptr;
  const size_t bytes = static_cast<size_t>(before + 2 * n);
  void* memory = mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, fd, offset - before);
  if (memory == MAP_FAILED) return nullptr;
#if defined(__linux__)
  madvise(memory, bytes, MADV_HUGEPAGE);  // a file that comes from the disk then lies in large pages
#endif
  winnow::decode::live++;
  winnow::decode::live_bytes += 2 * n;
  return static_cast<char*>(memory) + before;
#else
  return nullptr;
#endif
}
WINNOW_API void winnow_halves_unmap(void* values, int64_t n) {
#if defined(WINNOW_MAPS)
  const uintptr_t at = reinterpret_cast<uintptr_t>(values), before = at % static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  munmap(reinterpret_cast<void*>(at - before), before + static_cast<size_t>(2 * n));
  winnow::decode::live--;
  winnow::decode::live_bytes -= 2 * n;
#endif
}
// The first of n values that `odd` is true of, -1 if there is none.
template <class T, class F>
static int64_t first_odd(const T* values, long n, F&& odd) {
  using namespace winnow;
  constexpr long PIECE = 1 << 14;
  const long parts = std::clamp<long>(n / (1 << 18), 1, 16 * threads());
  std::atomic<long> first{n};
  parallel(parts, [&](long p) {
    const long end = part_begin(n, parts, p + 1);
    for (long from = part_begin(n, parts, p); from < end && from < first; from += PIECE) {
      const long to = std::min(end, from + PIECE);
      T found = 0;
      for (long i = from; i < to; i++) found |= static_cast<T>(odd(values[i]));
      if (found == 0) continue;
      long at = from;
      while (!odd(values[at])) at++;
      long before = first;
      while (at < before && !first.compare_exchange_weak(before, at)) {
      }
      return;
    }
  });
  return first == n ? -1 : static_cast<int64_t>(first);
}
WINNOW_API int64_t winnow_halves_not_finite(const uint16_t* values, int64_t n) {
  return first_odd(values, n, [](uint16_t x) { return (x & 0x7f80) == 0x7f80; });
}
WINNOW_API int64_t winnow_floats_not_finite(const uint32_t* values, int64_t n) {
  return first_odd(values, n, [](uint32_t x) { return (x & 0x7f800000) == 0x7f800000; });
}
// to[i] = f(from[i]) for n values.
template <class F>
static void widen(const uint16_t* from, long n, float* to, F&& f) {
  using namespace winnow;
  const long parts = std::clamp<long>(n / (1 << 18), 1, 16 * threads());
  parallel(parts, [&](long p) {
    for (long i = part_begin(n, parts, p); i < part_begin(n, parts, p + 1); i++) to[i] = f(from[i]);
  });
}
WINNOW_API void winnow_halves_widen(const uint16_t* from, int64_t n, float* to) {
  widen(from, n, to, [](uint16_t x) { return winnow::from_bf16(x); });
}
WINNOW_API void winnow_float16_widen(const uint16_t* from, int64_t n, float* to) {
  widen(from, n, to, [](uint16_t x) {
    const uint32_t exponent = x & 0x7c00u, rest = (x & 0x7fffu) << 13;
    // the exponent's bias is 112 larger in float32; infinities and NaN have the largest exponent in both
    const uint32_t normal = rest + (exponent == 0x7c00u ? 2 * (112u << 23) : 112u << 23);
    const float small = static_cast<float>(static_cast<int32_t>(x & 0x3ffu)) * 0x1p-24f;
    uint32_t bits;
    memcpy(&bits, &small, sizeof bits);
    bits = (exponent == 0 ? bits : normal) | static_cast<uint32_t>(x & 0x8000u) << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
  });
}
WINNOW_API void* winnow_rounded_new(const float* weight, int64_t N, int64_t K) {
  using namespace winnow;
  using decode::Bfloat16;
  const long stride = Bfloat16::stride(K);
  uint16_t* copy = new_halves(N, K);
  if (copy == nullptr) return nullptr;
  const long parts = std::min<long>(N, 8 * threads());
  parallel(parts, [&](long p) {
    for (long n = part_begin(N, parts, p); n < part_begin(N, parts, p + 1); n++) {
      long k = 0;
      for (; k + LANES <= K; k += LANES) store_bf16(copy + n * stride + k, load(weight + n * K + k));
      for (; k < stride; k++) copy[n * stride + k] = k < K ? to_bf16(weight[n * K + k]) : uint16_t{0};
    }
  });
  return copy;
}
WINNOW_API void winnow_rounded_free(void* copy) {
  if (copy == nullptr) return;
  char* memory = static_cast<char*>(copy) - 64;
  winnow::decode::live--;
  winnow::decode::live_bytes -= *reinterpret_cast<long*>(memory);
  std::free(memory);
}
WINNOW_API int64_t winnow_screen_misses(void) { return winnow::decode::misses; }
