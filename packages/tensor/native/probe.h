// The limits of this processor, for benches to show beside the rate of a kernel.
#pragma once
#include "variant.h"

// `rounds` rounds of multiply-adds in registers on every thread, in the instruction of the products: precision 0
// float32, 1 bfloat16 (pairs summed in float32; the software path without such an instruction; the tiles of AMX are
// faster still). Returns the number of floating-point operations.
WINNOW_API double winnow_probe_multiply_adds(int precision, int64_t rounds);

// y = x over n floats, on all threads: the cost of moving memory.
WINNOW_API void winnow_probe_stream(int64_t n, const float* x, float* y);
