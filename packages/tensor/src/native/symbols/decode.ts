/** The functions of native decoding (`native/decode.h`). The meaning of each argument stands there. */
import { double, int, long, nothing, pointer } from "../ffi.ts"

export const decodeSymbols = {
  winnow_decode_new: { args: [pointer, long], returns: pointer },
  winnow_decode_free: { args: [pointer], returns: nothing },
  winnow_decode_start: { args: [pointer, long, pointer], returns: nothing },
  winnow_decode_bind: { args: [pointer, pointer, long, int], returns: nothing },
  winnow_decode_rotary: { args: [pointer, long, pointer, pointer, long], returns: int },
  winnow_decode_extend: { args: [pointer, pointer, long, long, pointer], returns: int },
  winnow_decode_greedy: { args: [pointer, pointer, pointer, pointer, pointer], returns: int },
  winnow_decode_logits: { args: [pointer, pointer], returns: pointer },
  winnow_decode_rollback: { args: [pointer, long], returns: nothing },
  winnow_decode_live: { args: [], returns: long },
  winnow_decode_live_bytes: { args: [], returns: long },
  winnow_screen_new: { args: [pointer, long, long], returns: pointer },
  winnow_screen_free: { args: [pointer], returns: nothing },
  winnow_halves_new: { args: [long, long], returns: pointer },
  winnow_halves_map: { args: [int, long, long], returns: pointer },
  winnow_halves_unmap: { args: [pointer, long], returns: nothing },
  winnow_halves_not_finite: { args: [pointer, long], returns: long },
  winnow_halves_widen: { args: [pointer, long, pointer], returns: nothing },
  winnow_rounded_new: { args: [pointer, long, long], returns: pointer },
  winnow_rounded_free: { args: [pointer], returns: nothing },
  winnow_screen_misses: { args: [], returns: long },
  winnow_softmax: { args: [pointer, long, double, pointer, pointer], returns: int },
  winnow_draw: { args: [pointer, long, long, double, pointer, pointer], returns: int },
} as const
