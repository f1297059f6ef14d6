/** Ids of the special tokens in config.json: carried along for `transformers`, without effect on the computation. */
import { type } from "arktype"

/** Optional fields that every architecture's options share. */
export const tokenIds = type({
  "bos_token_id?": "number.integer >= 0 | null",
  "eos_token_id?": "number.integer >= 0 | (number.integer >= 0)[] | null",
  "pad_token_id?": "number.integer >= 0 | null",
})

/** For config.json: absent, `transformers` would put its own defaults, which are other tokens. */
export const noTokenIds = { bos_token_id: null, eos_token_id: null, pad_token_id: null }
