/** Ids of the special tokens in config.json: carried along for `transformers`, without effect on the computation. */
import { type } from "arktype"

/** A token, several, or none; some write -1 for none. */
const ids = "number.integer | number.integer[] | null"

/** Optional fields that every architecture's options share. */
export const tokenIds = type({ "bos_token_id?": ids, "eos_token_id?": ids, "pad_token_id?": ids })

/** For config.json: absent, `transformers` would put its own defaults, which are other tokens. */
export const noTokenIds = { bos_token_id: null, eos_token_id: null, pad_token_id: null }
