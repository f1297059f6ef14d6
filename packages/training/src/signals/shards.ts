/**
 * Shards of a cache: consecutive pieces of the whole, each shard a folder of its own, so that several processes make one
 * cache at once. A piece is the same file in a shard as in the whole, because batches never cross pieces.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { DataError } from "@winnow/core"
import { parseJson, writeWhole } from "@winnow/files"
import { type } from "arktype"
import type { SignalsIdentity } from "./header.ts"

/** A part of a cache: number `index`, from 0, of `of`. */
export interface Shard {
  readonly index: number
  readonly of: number
}

/** Tokens and bytes of the largest cache that stays one folder, and of a shard of a larger one. */
const most = { tokens: 2 ** 24, bytes: 16 * 2 ** 30, shards: 1000 }

/**
 * The number of shards of a cache by its size: one up to 16 777 216 tokens and 16 GiB, then as many as keep each within
 * these, at most 1000. A size that is not known yet counts as small.
 */
export const shardCount = (size: { readonly tokens: number; readonly bytes: number } | undefined): number =>
  size === undefined
    ? 1
    : Math.min(most.shards, Math.max(1, Math.ceil(size.tokens / most.tokens), Math.ceil(size.bytes / most.bytes)))

/** The pieces of a shard, all of them for the whole; a shard has as many as another, or one more. May be none. */
export const piecesOf = <P>(pieces: ReadonlyArray<P>, shard: Shard | undefined): ReadonlyArray<P> => {
  if (shard === undefined) return pieces
  const at = (index: number) => Math.floor((index * pieces.length) / shard.of)
  return pieces.slice(at(shard.index), at(shard.index + 1))
}

/** The identity of a shard in a cache of this identity. */
export const identityOf = (whole: SignalsIdentity, shard: Shard | undefined): SignalsIdentity =>
  shard === undefined ? whole : { ...whole, shard: `${shard.index + 1} of ${shard.of}` }

const list = type({ "+": "reject", schema: "1", shards: type({ "+": "reject", folder: "string" }).array() })

/** The file that names the shards of a cache. */
export const shardsFile = "shards.json"

/** A shard in the list of a cache: its folder, relative to the folder with the list. */
export type ShardFolder = (typeof list.infer)["shards"][number]

/** Writes the list of a cache's shards, in their order, into a folder. */
export const writeShards = (directory: string, shards: ReadonlyArray<ShardFolder>): void =>
  writeWhole(join(directory, shardsFile), `${JSON.stringify({ schema: 1, shards })}\n`)

/** The folders of a cache's shards. @error DataError (thrown) for a file that is no such list */
export const readShards = (directory: string): ReadonlyArray<string> => {
  const file = join(directory, shardsFile)
  const fail = (problem: string) =>
    new DataError({ message: `${file}: ${problem}; every cache in shards has one: compute it again (--fresh)` })
  let content: unknown
  try {
    content = parseJson(readFileSync(file, "utf8"))
  } catch (cause) {
    throw fail(String(cause))
  }
  const value = list(content)
  if (value instanceof type.errors) throw fail(value.summary)
  return value.shards.map(({ folder }) => join(directory, folder))
}
