// Tiles of AMX: 16 rows of 64 bytes. With WINNOW_AMX_EMULATED the same instructions are plain C++, so that code for
// them can be tested on a processor without them.
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
// In the order of TDPBF16PS: the sums of even and of odd elements of k separately, then both added to c. The emulation
// does not flush denormals to 0, as the instruction does.
static inline void emulated_multiply(int c, int a, int b) {
  for (int m = 0; m < 16; m++) {
    float even[16] = {}, odd[16] = {};
    for (int k = 0; k < 16; k++)
      for (int n = 0; n < 16; n++) {
        const uint32_t x = emulated_tiles[a].unit[m][k], y = emulated_tiles[b].unit[k][n];
        even[n] += from_bf16(static_cast<uint16_t>(x)) * from_bf16(static_cast<uint16_t>(y));
        odd[n] += from_bf16(static_cast<uint16_t>(x >> 16)) * from_bf16(static_cast<uint16_t>(y >> 16));
      }
    for (int n = 0; n < 16; n++) {
      float sum;
      std::memcpy(&sum, &emulated_tiles[c].unit[m][n], 4);
      sum += even[n] + odd[n];
      std::memcpy(&emulated_tiles[c].unit[m][n], &sum, 4);
    }
  }
}
static inline bool amx_permitted() { return true; }
static inline void amx_ready() {}
#define WINNOW_TILE_ZERO(t) std::memset(&emulated_tiles[t], 0, sizeof(EmulatedTile))
#define WINNOW_TILE_LOAD(t, p, stride) emulated_load(t, p, stride)
#define WINNOW_TILE_STORE(t, p, stride) emulated_store(t, p, stride)
#define WINNOW_TILE_MULTIPLY(c, a, b) emulated_multiply(c, a, b)

#else

// Requests the tiles from Linux, once a process. False: not granted, and touching a tile ends the process; kernels
// before 5.16 list AMX among the processor's flags and have no such permission. `winnow_selfcheck_amx` asks before any
// other code runs.
inline bool amx_permitted() {
  constexpr long ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18;
  static const bool permitted = syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
  return permitted;
}

struct alignas(64) TileConfig {
  uint8_t palette, start_row, reserved[14];
  uint16_t bytes[16];
  uint8_t rows[16];
};
// All eight tiles of 16 rows of 64 bytes.
static const TileConfig amx_config = {1, 0, {}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16}};

// Configures this thread's tiles if necessary: other libraries (TensorFlow's products) set and release their own tiles
// on threads that call both. A check takes 19 cycles, a configuration 200. It does not use the intrinsics: those of
// older GCC (12.2 among them) tell the compiler only about the first 8 bytes.
static inline void amx_ready() {
  TileConfig now;
  asm volatile("sttilecfg %0" : "=m"(now));
  if (_mm512_cmpneq_epi32_mask(_mm512_load_si512(&now), _mm512_load_si512(&amx_config)) == 0) return;
  amx_permitted();
  asm volatile("ldtilecfg %0" : : "m"(amx_config));
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
  // GCC's intrinsics do not declare that loading a tile reads memory, so this makes packed data visible.
  asm volatile("" : : : "memory");
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
