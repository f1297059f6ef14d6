// Tiles of AMX: 16 rows of 64 bytes. Where WINNOW_AMX_EMULATED is set, the same instructions in plain C++, so that what is
// written on them can be tested on a processor without them.
#pragma once
#include <cstring>

#include "variant.h"
#if !defined(WINNOW_AMX_EMULATED)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace winnow {

#if defined(WINNOW_AMX_EMULATED)

struct EmulatedTile {
  uint32_t unit[16][16];
};
static thread_local EmulatedTile emulated_tiles[8];

static inline void emulated_load(int t, const void* p, long stride) {
  for (int r = 0; r < 16; r++) std::memcpy(emulated_tiles[t].unit[r], static_cast<const char*>(p) + r * stride, 64);
}
static inline void emulated_store(int t, void* p, long stride) {
  for (int r = 0; r < 16; r++) std::memcpy(static_cast<char*>(p) + r * stride, emulated_tiles[t].unit[r], 64);
}
// c[m][n] += a[m][k].low * b[k][n].low + a[m][k].high * b[k][n].high, as TDPBF16PS does.
static inline void emulated_multiply(int c, int a, int b) {
  for (int m = 0; m < 16; m++)
    for (int k = 0; k < 16; k++)
      for (int n = 0; n < 16; n++) {
        float sum;
        std::memcpy(&sum, &emulated_tiles[c].unit[m][n], 4);
        const uint32_t x = emulated_tiles[a].unit[m][k], y = emulated_tiles[b].unit[k][n];
        sum += from_bf16(static_cast<uint16_t>(x)) * from_bf16(static_cast<uint16_t>(y));
        sum += from_bf16(static_cast<uint16_t>(x >> 16)) * from_bf16(static_cast<uint16_t>(y >> 16));
        std::memcpy(&emulated_tiles[c].unit[m][n], &sum, 4);
      }
}
static inline void amx_ready() {}
#define WINNOW_TILE_ZERO(t) std::memset(&emulated_tiles[t], 0, sizeof(EmulatedTile))
#define WINNOW_TILE_LOAD(t, p, stride) emulated_load(t, p, stride)
#define WINNOW_TILE_STORE(t, p, stride) emulated_store(t, p, stride)
#define WINNOW_TILE_MULTIPLY(c, a, b) emulated_multiply(c, a, b)

#else

struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t bytes[16] = {};
  uint8_t rows[16] = {};
};

// Asks Linux for the tiles, once a process. False: not granted.
static inline bool amx_permitted() {
  constexpr long ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18;
  static const bool permitted = syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
  return permitted;
}

// Configures this thread's tiles, once a thread: all eight of 16 rows of 64 bytes. They stay configured while the thread lives.
struct TilesOfThread {
  TilesOfThread() {
    if (!amx_permitted()) return;
    TileConfig config;
    for (int t = 0; t < 8; t++) {
      config.bytes[t] = 64;
      config.rows[t] = 16;
    }
    _tile_loadconfig(&config);
  }
};
static inline void amx_ready() {
  static thread_local TilesOfThread tiles;
  (void)tiles;
}
#define WINNOW_TILE_ZERO(t) _tile_zero(t)
#define WINNOW_TILE_LOAD(t, p, stride) _tile_loadd(t, p, stride)
#define WINNOW_TILE_STORE(t, p, stride) _tile_stored(t, p, stride)
#define WINNOW_TILE_MULTIPLY(c, a, b) _tile_dpbf16ps(c, a, b)

#endif

// The bfloat16 tile of gemm.h: up to 32 rows x 32 columns. a [32, u] units, rows lda units apart, readable for 32 rows; b [u, 32] units,
// u a multiple of 16; c gets `rows` rows.
static inline void amx_tile(int rows, long u, const uint32_t* a, long lda, const uint32_t* b, float* c, long ldc, bool accumulate) {
  amx_ready();
  const bool lower = rows > 16;
  WINNOW_TILE_ZERO(0);
  WINNOW_TILE_ZERO(1);
  if (lower) {
    WINNOW_TILE_ZERO(2);
    WINNOW_TILE_ZERO(3);
  }
  for (long i = 0; i < u; i += 16) {
    WINNOW_TILE_LOAD(6, b + i * 32, 128);
    WINNOW_TILE_LOAD(7, b + i * 32 + 16, 128);
    WINNOW_TILE_LOAD(4, a + i, lda * 4);
    WINNOW_TILE_MULTIPLY(0, 4, 6);
    WINNOW_TILE_MULTIPLY(1, 4, 7);
    if (lower) {
      WINNOW_TILE_LOAD(5, a + 16 * lda + i, lda * 4);
      WINNOW_TILE_MULTIPLY(2, 5, 6);
      WINNOW_TILE_MULTIPLY(3, 5, 7);
    }
  }
  if (rows == 32 && !accumulate) {
    WINNOW_TILE_STORE(0, c, ldc * 4);
    WINNOW_TILE_STORE(1, c + 16, ldc * 4);
    WINNOW_TILE_STORE(2, c + 16 * ldc, ldc * 4);
    WINNOW_TILE_STORE(3, c + 16 * ldc + 16, ldc * 4);
    return;
  }
  alignas(64) float z[32 * 32];
  WINNOW_TILE_STORE(0, z, 128);
  WINNOW_TILE_STORE(1, z + 16, 128);
  if (lower) {
    WINNOW_TILE_STORE(2, z + 16 * 32, 128);
    WINNOW_TILE_STORE(3, z + 16 * 32 + 16, 128);
  }
  for (int r = 0; r < rows; r++) {
    vf x0 = load(z + r * 32), x1 = load(z + r * 32 + 16);
    if (accumulate) {
      x0 += load(c + r * ldc);
      x1 += load(c + r * ldc + 16);
    }
    store(c + r * ldc, x0);
    store(c + r * ldc + 16, x1);
  }
}

}  // namespace winnow
