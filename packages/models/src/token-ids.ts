/** Ids of the special tokens in config.json: kept for `transformers`, without effect on the computation. */
import { type } from "arktype"

/** A token, several, or none; some files write -1 for none. */
const ids = "number.integer | number.integer[] | null"

/** Optional fields in every architecture's options. */
export const tokenIds = type({ "bos_token_id?": ids, "eos_token_id?": ids, "pad_token_id?": ids })

/** For config.json: without them `transformers` would use its own defaults, which are other tokens. */
export const noTokenIds = { bos_token_id: null, eos_token_id: null, pad_token_id: null }
