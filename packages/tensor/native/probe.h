// The limits of this processor, for benches to show beside the rate of a kernel.
#pragma once
#include "variant.h"

// `rounds` rounds of multiply-adds in registers on every thread, in the instruction that products use: precision 0 float32,
// 1 bfloat16 (pairs summed in float32; the software's way where there is no such instruction; the tiles of AMX are faster
// still). Returns the floating-point operations that were done.
WINNOW_API double winnow_probe_multiply_adds(int precision, int64_t rounds);

// y = x over n floats, on all threads: what moving memory takes.
WINNOW_API void winnow_probe_stream(int64_t n, const float* x, float* y);
