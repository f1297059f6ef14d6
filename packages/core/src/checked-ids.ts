/** Checks token ids from outside before they become int32: there 2^32 + 5 would be token 5, and 1.5 token 1. */
import { brief } from "./contract/brief.ts"
import { InvalidInput } from "./errors.ts"

/**
 * Ids as int32, each within the vocabulary.
 *
 * @param what names them in the error, such as "prompt 3"
 * @param vocabularySize ids are 0 to vocabularySize - 1
 * @error InvalidInput (thrown) with the first value that is no id, and its place
 */
export const checkedIds = (what: string, ids: ArrayLike<number>, vocabularySize: number): Int32Array => {
  const out = new Int32Array(ids.length)
  for (let i = 0; i < ids.length; i++) {
    const id: unknown = ids[i]
    if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id >= vocabularySize) {
      const problem = `id ${brief(id, 40)} at ${i}; expected integers of the vocabulary, 0 to ${vocabularySize - 1}`
      throw new InvalidInput({ what, problems: [problem] })
    }
    out[i] = id
  }
  return out
}
