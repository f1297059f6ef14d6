/** Encoding for tests: promises of plain arrays. */
import { Effect } from "effect"
import type { Codec, EncodeOptions } from "../src/codec.ts"

/** Ids of the texts. */
export const encodeAll = async (
  codec: Codec,
  texts: ReadonlyArray<string>,
  options?: EncodeOptions,
): Promise<ReadonlyArray<ReadonlyArray<number>>> =>
  (await Effect.runPromise(codec.encode(texts, options))).map((ids) => Array.from(ids))

/** Ids of one text. */
export const encodeOne = async (codec: Codec, text: string, options?: EncodeOptions): Promise<ReadonlyArray<number>> =>
  (await encodeAll(codec, [text], options))[0]!
