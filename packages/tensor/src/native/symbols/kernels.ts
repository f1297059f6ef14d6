/**
 * The trunk's kernels (`native/norms.h`, `activations.h`, `embedding.h`, `attention.h`, `optimizer.h`, the product of
 * `gemm.h`) and their yardsticks (`probe.h`). The headers explain each argument.
 */
import { double, float, int, long, nothing, pointer } from "../ffi.ts"

export const kernelSymbols = {
  winnow_gemm: {
    args: [int, long, long, long, pointer, long, int, pointer, long, int, pointer, long, int, pointer],
    returns: int,
  },
  winnow_column_sums: { args: [long, long, pointer, long, pointer], returns: nothing },
  winnow_layer_norm: {
    args: [long, long, pointer, pointer, pointer, float, pointer, pointer, pointer],
    returns: nothing,
  },
  winnow_layer_norm_gradient: {
    args: [long, long, pointer, pointer, pointer, pointer, pointer, pointer, pointer, pointer],
    returns: nothing,
  },
  winnow_rms_norm: { args: [long, long, pointer, pointer, float, pointer, pointer], returns: nothing },
  winnow_rms_norm_gradient: {
    args: [long, long, pointer, pointer, pointer, pointer, pointer, pointer],
    returns: nothing,
  },
  winnow_head_norm: {
    args: [long, long, long, long, pointer, pointer, pointer, float, pointer, pointer],
    returns: nothing,
  },
  winnow_head_norm_gradient: {
    args: [long, long, long, long, pointer, pointer, pointer, pointer, pointer, pointer, pointer, pointer],
    returns: nothing,
  },
  winnow_gelu: { args: [long, pointer, pointer], returns: nothing },
  winnow_gelu_gradient: { args: [long, pointer, pointer, pointer], returns: nothing },
  winnow_gelu_tanh: { args: [long, pointer, pointer], returns: nothing },
  winnow_gelu_tanh_gradient: { args: [long, pointer, pointer, pointer], returns: nothing },
  winnow_silu_gate: { args: [long, long, pointer, pointer], returns: nothing },
  winnow_silu_gate_gradient: { args: [long, long, pointer, pointer, pointer], returns: nothing },
  winnow_add3: { args: [long, pointer, pointer, pointer, pointer], returns: nothing },
  winnow_gather_rows: { args: [long, long, long, pointer, pointer, pointer], returns: long },
  winnow_scatter_rows: { args: [long, long, long, pointer, pointer, pointer], returns: nothing },
  winnow_attention: {
    args: [pointer, pointer, pointer, pointer, pointer, pointer, pointer],
    returns: nothing,
  },
  winnow_attention_gradient: {
    args: [pointer, pointer, pointer, pointer, pointer, pointer, pointer, pointer, pointer],
    returns: nothing,
  },
  winnow_adamw: {
    args: [long, pointer, pointer, pointer, pointer, float, float, float, float, float, float],
    returns: nothing,
  },
  winnow_average: { args: [long, pointer, pointer, float], returns: nothing },
  winnow_probe_multiply_adds: { args: [int, long], returns: double },
  winnow_probe_stream: { args: [long, pointer, pointer], returns: nothing },
  winnow_square_sum: { args: [long, pointer], returns: double },
} as const
