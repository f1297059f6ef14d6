// Activations and residual sums, and their gradients, elementwise over float32 arrays of n elements.
#pragma once
#include "variant.h"

// y = x Phi(x), Phi the normal distribution function ("gelu", not its tanh form); absolute error below 1e-6.
WINNOW_API void winnow_gelu(int64_t n, const float* x, float* y);
// dx = dy (Phi(x) + x phi(x)), phi the normal density.
WINNOW_API void winnow_gelu_gradient(int64_t n, const float* x, const float* dy, float* dx);
// The same for the form with tanh, x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).
WINNOW_API void winnow_gelu_tanh(int64_t n, const float* x, float* y);
WINNOW_API void winnow_gelu_tanh_gradient(int64_t n, const float* x, const float* dy, float* dx);

// y = gate sigmoid(gate) up. Rows of x are a gate and an up of m elements side by side: x [N, 2 m], y [N, m].
WINNOW_API void winnow_silu_gate(int64_t N, int64_t m, const float* x, float* y);
// Its gradient by x, [N, 2 m], given dy [N, m].
WINNOW_API void winnow_silu_gate_gradient(int64_t N, int64_t m, const float* x, const float* dy, float* dx);

// y = a + b + c.
WINNOW_API void winnow_add3(int64_t n, const float* a, const float* b, const float* c, float* y);
