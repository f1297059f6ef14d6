// Rows of an embedding matrix [V, d] by ids [N], and the gradient by the matrix.
#pragma once
#include "variant.h"

// y[n] = weight[ids[n]], y [N, d]; the weight is of float32 or halves (`halves_at`). Returns -1, or the first n whose id is outside 0 .. V - 1; then y is not written.
WINNOW_API int64_t winnow_gather_rows(int64_t V, int64_t d, int64_t N, const float* weight, const int32_t* ids, float* y);

// out[v] = sum of dy[n] over the n with ids[n] = v, added in order of n; zero if there is none. Each element of out [V,
// d] is written once, and once more for each further n. winnow_gather_rows has checked the ids.
WINNOW_API void winnow_scatter_rows(int64_t V, int64_t d, int64_t N, const float* dy, const int32_t* ids, float* out);
