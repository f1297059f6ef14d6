#include "decode-head.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <vector>

#include "decode-linear.h"
#include "pool.h"

namespace winnow::decode {
namespace {

constexpr float INF = std::numeric_limits<float>::infinity();
constexpr long BLOCK = Screen::BLOCK;
constexpr int VECTORS = BLOCK / LANES;

// Largest whole number of a rounded hidden state. Without an instruction for sums of four products, pairs are summed in 16
// bits: 2 x 255 x 63 fits, 2 x 255 x 127 does not.
#if defined(WINNOW_BF16)
constexpr int H_MOST = 127;
#else
constexpr int H_MOST = 63;
#endif
// Hidden rows that one reading of the screen serves.
#if defined(WINNOW_AVX512)
constexpr int SHARE = 6;
#else
constexpr int SHARE = 1;
#endif
// Candidates that a part keeps for a row before it must discard some or give up.
constexpr int KEPT = 256;
// Room for the roundings of the bounds themselves.
constexpr float SLACK = 1.0001f;

// ROWS hidden rows (units of four signed bytes) with one block of the screen: dots[r][BLOCK].
template <int ROWS>
#if defined(WINNOW_BF16)
__attribute__((target("avx512vnni")))  // every processor with bfloat16 products has it
#endif
void dots_of_block(const uint8_t* block, const int32_t* const* h, long units, int32_t (*dots)[BLOCK]) {
#if defined(WINNOW_AVX512)
  __m512i sum[ROWS][VECTORS];
#pragma GCC unroll 6
  for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; v++) sum[r][v] = _mm512_setzero_si512();
  for (long u = 0; u < units; u++) {
    __m512i w[VECTORS];
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; v++) {
      w[v] = _mm512_load_si512(block + (u * VECTORS + v) * 64);
      _mm_prefetch(reinterpret_cast<const char*>(block + (u * VECTORS + v) * 64 + 16384), _MM_HINT_T1);
    }
#pragma GCC unroll 6
    for (int r = 0; r < ROWS; r++) {
      const __m512i x = _mm512_set1_epi32(h[r][u]);
#pragma GCC unroll 4
      for (int v = 0; v < VECTORS; v++)
#if defined(WINNOW_BF16)
        sum[r][v] = _mm512_dpbusd_epi32(sum[r][v], w[v], x);
#else
        sum[r][v] = _mm512_add_epi32(
            sum[r][v], _mm512_madd_epi16(_mm512_maddubs_epi16(w[v], x), _mm512_set1_epi16(1)));
#endif
    }
  }
#pragma GCC unroll 6
  for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; v++) _mm512_storeu_si512(dots[r] + v * 16, sum[r][v]);
#elif defined(WINNOW_AVX2)
  for (int r = 0; r < ROWS; r++) {
    __m256i sum[VECTORS];
    for (int v = 0; v < VECTORS; v++) sum[v] = _mm256_setzero_si256();
    for (long u = 0; u < units; u++) {
      const __m256i x = _mm256_set1_epi32(h[r][u]);
      for (int v = 0; v < VECTORS; v++) {
        const __m256i w = _mm256_load_si256(reinterpret_cast<const __m256i*>(block + (u * VECTORS + v) * 32));
        sum[v] = _mm256_add_epi32(sum[v], _mm256_madd_epi16(_mm256_maddubs_epi16(w, x), _mm256_set1_epi16(1)));
      }
    }
    for (int v = 0; v < VECTORS; v++) _mm256_storeu_si256(reinterpret_cast<__m256i*>(dots[r] + v * 8), sum[v]);
  }
#else
  for (int r = 0; r < ROWS; r++) {
    std::fill(dots[r], dots[r] + BLOCK, 0);
    for (long u = 0; u < units; u++) {
      const int8_t* x = reinterpret_cast<const int8_t*>(h[r] + u);
      const uint8_t* w = block + u * 4 * BLOCK;
      for (long v = 0; v < BLOCK; v++) {
        const uint8_t* of = w + 4 * v;
        dots[r][v] += of[0] * x[0] + of[1] * x[1] + of[2] * x[2] + of[3] * x[3];
      }
    }
  }
#endif
}

// A hidden row rounded to bytes, and the numbers that its bounds need. false if it is not finite.
struct Rounded {
  int32_t* units;
  float scale, norm, error;  // h~ = scale * bytes; |h|, |h - h~| from above
  int32_t shift;             // 128 * sum of bytes: the screen's bytes are 128 too large
};

bool round_row(const float* h, long d, Rounded& out) {
  float most = 0;
  double square = 0;
  for (long i = 0; i < d; i++) {
    if (!std::isfinite(h[i])) return false;
    most = std::max(most, std::fabs(h[i]));
    square += static_cast<double>(h[i]) * h[i];
  }
  if (!(square < 1e30)) return false;
  const float scale = most > 1e-30f ? most / H_MOST : 1.f;
  int8_t* bytes = reinterpret_cast<int8_t*>(out.units);
  std::fill(bytes, bytes + (d + 3) / 4 * 4, static_cast<int8_t>(0));
  double error = 0;
  int32_t sum = 0;
  for (long i = 0; i < d; i++) {
    const int q = std::clamp(static_cast<int>(std::lrintf(h[i] / scale)), -H_MOST, H_MOST);
    bytes[i] = static_cast<int8_t>(q);
    sum += q;
    const double miss = static_cast<double>(h[i]) - static_cast<double>(scale) * q;
    error += miss * miss;
  }
  out.scale = scale;
  out.norm = static_cast<float>(std::sqrt(square)) * SLACK;
  out.error = static_cast<float>(std::sqrt(error)) * SLACK;
  out.shift = 128 * sum;
  return true;
}

// The result of a part of the vocabulary for one hidden row.
struct Found {
  vf first = splat(-INF), second = splat(-INF);  // largest two lower bounds of each lane
  int32_t id[KEPT];
  float upper[KEPT];
  int count = 0;
  bool overflow = false;
  BestTwo lower() const {
    BestTwo two;
    for (int i = 0; i < LANES; i++) {
      two.add(first[i]);
      two.add(second[i]);
    }
    return two;
  }
  void keep(int32_t v, float bound, float threshold) {
    if (count == KEPT) {
      int left = 0;
      for (int i = 0; i < count; i++)
        if (upper[i] >= threshold) {
          id[left] = id[i];
          upper[left++] = upper[i];
        }
      count = left;
      if (count == KEPT) {
        overflow = true;
        return;
      }
    }
    id[count] = v;
    upper[count++] = bound;
  }
};

void raise(std::atomic<float>& to, float x) {
  float now = to.load(std::memory_order_relaxed);
  while (x > now && !to.compare_exchange_weak(now, x, std::memory_order_relaxed)) {
  }
}

}  // namespace

Screen::Screen(const Weights& head, long V, long d) : V_(V), d_(d), blocks_((V + BLOCK - 1) / BLOCK) {
  uint8_t* memory = memory_.of<uint8_t>(static_cast<size_t>(blocks_) * block_bytes() + 8192);
  std::atomic<bool> finite{true};
  const float gamma = 2.f * static_cast<float>(d) / 16777216.f;
  const long parts = std::min<long>(blocks_, 8 * threads());
  parallel(parts, [&](long p) {
    thread_local Buffer room, wide_room;
    uint8_t* row = room.of<uint8_t>(static_cast<size_t>(d_ + LANES));
    float* wide = wide_room.of<float>(static_cast<size_t>(d_));
    for (long block = part_begin(blocks_, parts, p); block < part_begin(blocks_, parts, p + 1); block++) {
      uint8_t* bytes = memory + static_cast<size_t>(block) * block_bytes();
      float* meta = reinterpret_cast<float*>(bytes + units() * 4 * BLOCK);
      std::fill(bytes, bytes + units() * 4 * BLOCK, static_cast<uint8_t>(128));
      std::fill(meta, meta + 3 * BLOCK, 0.f);
      for (long i = 0; i < BLOCK && block * BLOCK + i < V_; i++) {
        const float* w = head.row(block * BLOCK + i, d_, wide);
        vf top = zero(), check = zero();
        for (long k = 0; k < d_; k += LANES) {
          const vf x = load_partial(w + k, d_ - k);
          top = vmax(x < zero() ? -x : x, top);
          check += x - x;  // NaN if x is not finite
        }
        const float most = reduce_max(top);
        if (reduce_add(check) != 0 || !(most < 1e15f)) {
          finite = false;
          continue;
        }
        const float scale = most > 1e-30f ? most / 127.f : 1.f, inverse = 1.f / scale;
        const vf shift = splat(12582912.f);  // 1.5 * 2^23: rounds to whole numbers
        vf miss2 = zero(), kept2 = zero();
        for (long k = 0; k < d_; k += LANES) {
          const vf x = load_partial(w + k, d_ - k);
          vf q = (x * splat(inverse) + shift) - shift;
          q = vmax(splat(-127.f), vmin(splat(127.f), q));
          const vf miss = x - q * splat(scale);
          miss2 += miss * miss;
          kept2 += q * q;
          const vi whole = __builtin_convertvector(q, vi) + 128;
#if defined(WINNOW_AVX512)
          _mm_storeu_si128(reinterpret_cast<__m128i*>(row + k), _mm512_cvtepi32_epi8((__m512i)whole));
#else
          for (int lane = 0; lane < LANES; lane++) row[k + lane] = static_cast<uint8_t>(whole[lane]);
#endif
        }
        for (long u = 0; u < units(); u++) std::memcpy(bytes + (u * BLOCK + i) * 4, row + 4 * u, 4);
        // SLACK covers the rounding of these sums, the scale's tiny absolute term the rounding of `miss` itself
        const float error = std::sqrt(reduce_add(miss2)) * SLACK + 1e-7f * most * std::sqrt(static_cast<float>(d_));
        const float norm = scale * std::sqrt(reduce_add(kept2)) * SLACK;
        meta[i] = scale;
        meta[BLOCK + i] = error + gamma * (norm + error);
        meta[2 * BLOCK + i] = norm;
      }
    }
  });
  usable_ = finite;
}

void Screen::candidates(const float* h, long R, int best, int32_t* ids, long most, int32_t* counts) const {
  const long wide = units();
  thread_local Buffer rounded_room, found_room;
  int32_t* rounded = rounded_room.of<int32_t>(static_cast<size_t>(R * wide));
  std::vector<Rounded> rows;
  std::vector<long> row_of;
  for (long r = 0; r < R; r++) {
    Rounded row{rounded + static_cast<long>(rows.size()) * wide, 0, 0, 0, 0};
    counts[r] = -1;
    if (!usable_ || !round_row(h + r * d_, d_, row)) continue;
    rows.push_back(row);
    row_of.push_back(r);
  }
  const long n = static_cast<long>(rows.size());
  if (n == 0) return;
  const uint8_t* memory = memory_.of<uint8_t>(1);
  const long work = n * blocks_ * BLOCK * wide;  // a quarter of the multiply-adds, as quick as that many of float32
  const long parts = work < WORTH_THREADS ? 1 : std::clamp<long>(blocks_ / 8, 1, 8 * threads());
  Found* found = found_room.of<Found>(static_cast<size_t>(parts * n));
  std::vector<std::atomic<float>> reached(static_cast<size_t>(n));
  for (auto& x : reached) x.store(-INF, std::memory_order_relaxed);
  auto part = [&](long p) {
    for (long i = 0; i < n; i++) new (found + p * n + i) Found();
    for (long block = part_begin(blocks_, parts, p); block < part_begin(blocks_, parts, p + 1); block++) {
      const uint8_t* bytes = memory + static_cast<size_t>(block) * block_bytes();
      const float* meta = reinterpret_cast<const float*>(bytes + wide * 4 * BLOCK);
      const long groups = (n + SHARE - 1) / SHARE;
      for (long group = 0; group < groups; group++) {
        const long i0 = part_begin(n, groups, group), count = part_begin(n, groups, group + 1) - i0;
        alignas(64) int32_t dots[SHARE][BLOCK];
        const int32_t* of[SHARE];
        for (long i = 0; i < count; i++) of[i] = rows[static_cast<size_t>(i0 + i)].units;
        switch (count) {
#if defined(WINNOW_AVX512)
          case 6: dots_of_block<6>(bytes, of, wide, dots); break;
          case 5: dots_of_block<5>(bytes, of, wide, dots); break;
          case 4: dots_of_block<4>(bytes, of, wide, dots); break;
          case 3: dots_of_block<3>(bytes, of, wide, dots); break;
          case 2: dots_of_block<2>(bytes, of, wide, dots); break;
#endif
          default: dots_of_block<1>(bytes, of, wide, dots);
        }
        for (long i = 0; i < count; i++) {
          const Rounded& row = rows[static_cast<size_t>(i0 + i)];
          Found& f = found[p * n + i0 + i];
          std::atomic<float>& shared = reached[static_cast<size_t>(i0 + i)];
          float threshold = shared.load(std::memory_order_relaxed);
          const long valid = std::min(BLOCK, V_ - block * BLOCK);
          bool kept = false;
          for (long v = 0; v < valid; v += LANES) {
            vi whole;
            std::memcpy(&whole, dots[i] + v, sizeof whole);
            const vf middle =
                __builtin_convertvector(whole - row.shift, vf) * (load(meta + v) * splat(row.scale));
            const vf size = middle < zero() ? -middle : middle;
            // the last term is the rounding of `middle`
            const vf reach = (load(meta + BLOCK + v) * splat(row.norm) + load(meta + 2 * BLOCK + v) * splat(row.error)) *
                                 splat(SLACK) + size * splat(4e-7f);
            vf upper = middle + reach, lower = middle - reach;
            if (valid - v < LANES)
              for (long lane = valid - v; lane < LANES; lane++) upper[lane] = lower[lane] = -INF;
            f.second = vmax(f.second, vmin(f.first, lower));
            f.first = vmax(f.first, lower);
            const vi over = upper >= splat(threshold);
#if defined(WINNOW_AVX512)
            if (_mm512_test_epi32_mask((__m512i)over, (__m512i)over) == 0) continue;
#elif defined(WINNOW_AVX2)
            if (_mm256_testz_si256((__m256i)over, (__m256i)over)) continue;
#endif
            for (long lane = 0; lane < std::min<long>(LANES, valid - v); lane++)
              if (over[lane]) {
                f.keep(static_cast<int32_t>(block * BLOCK + v + lane), upper[lane], threshold);
                kept = true;
              }
          }
          if (kept) {
            const BestTwo two = f.lower();
            raise(shared, best == 1 ? two.first : two.second);
          }
        }
      }
    }
  };
  if (parts == 1) part(0);
  else parallel(parts, part);
  for (long i = 0; i < n; i++) {
    BestTwo two;
    bool overflow = false;
    for (long p = 0; p < parts; p++) {
      const BestTwo of = found[p * n + i].lower();
      two.add(of.first);
      two.add(of.second);
      overflow = overflow || found[p * n + i].overflow;
    }
    if (overflow) continue;
    const float threshold = best == 1 ? two.first : two.second;
    int32_t* out = ids + row_of[static_cast<size_t>(i)] * most;
    long count = 0;
    for (long p = 0; p < parts && count <= most; p++) {
      const Found& f = found[p * n + i];
      for (int c = 0; c < f.count; c++)
        if (f.upper[c] >= threshold && count++ < most) out[count - 1] = f.id[c];
    }
    if (count <= most) counts[row_of[static_cast<size_t>(i)]] = static_cast<int32_t>(count);
  }
}

}  // namespace winnow::decode
