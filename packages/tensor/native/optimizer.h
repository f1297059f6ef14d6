// AdamW in one pass over memory, the average of weights over steps, and the norm for the clipping of gradients.
#pragma once
#include "variant.h"

// In place over n elements of parameter p, gradient g and moments m, v:
//   m += (1 - beta1) (scale g - m);  v += (1 - beta2) ((scale g)^2 - v);  p = p keep - step m / (sqrt(v) + epsilon)
// keep = 1 - lr decay; step = lr sqrt(1 - beta2^t) / (1 - beta1^t); epsilon = eps sqrt(1 - beta2^t): PyTorch's AdamW.
// one_minus_beta1 and 2 come as such: float32 has more digits of them than of the betas.
WINNOW_API void winnow_adamw(int64_t n, float* p, const float* g, float* m, float* v, float scale, float keep, float step,
                             float one_minus_beta1, float one_minus_beta2, float epsilon);

// In place over n elements: a += share (x - a). Zeros with a share of 1 become x exactly.
WINNOW_API void winnow_average(int64_t n, const float* x, float* a, float share);

// Sum of squares of n elements, in double; the same for any number of threads.
WINNOW_API double winnow_square_sum(int64_t n, const float* x);
