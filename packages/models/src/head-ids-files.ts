/**
 * The ids of a smaller head in files, as EAGLE-3 and speculators have them: `d2t` [U], int64, the id of row u less u, and
 * `t2d` [V], bool, true for each id that has a row.
 */
import { type Architecture, type Attends, DataError, type HeadIds, headIds, InvalidInput } from "@winnow/core"
import type { BytesSource, SafetensorsFile } from "./safetensors.ts"

/** Names of both tensors. */
export const headIdNames: ReadonlySet<string> = new Set(["d2t", "t2d"])

/** Both tensors. */
export const headIdTensors = ({ id_U, row_V }: HeadIds): ReadonlyArray<BytesSource> => {
  const offset_U = BigInt64Array.from(id_U, (id, u) => BigInt(id - u))
  const has_V = Uint8Array.from(row_V, (row) => (row < 0 ? 0 : 1))
  return [
    { name: "d2t", shape: [id_U.length], dtype: "I64", bytes: () => new Uint8Array(offset_U.buffer) },
    { name: "t2d", shape: [row_V.length], dtype: "BOOL", bytes: () => has_V },
  ]
}

/**
 * The ids of a folder's head; undefined if it has a row for each.
 *
 * @param read the number of ids that the model will read: V, or fewer
 * @error DataError (thrown) if `d2t` is missing, is no increasing list of ids that are read, or `t2d` is there and says
 *   otherwise
 */
export const readHeadIds = (
  dir: string,
  fileOf: ReadonlyMap<string, SafetensorsFile>,
  { headRows: U, vocabularySize: V }: Pick<Architecture<Attends>, "headRows" | "vocabularySize">,
  read = V,
): HeadIds | undefined => {
  if (U === undefined) return undefined
  const fail = (problem: string) => new DataError({ message: `${dir}: ${problem}` })
  const bytesOf = (name: string, dtype: string, length: number): Uint8Array | undefined => {
    const file = fileOf.get(name)
    const entry = file?.tensors.get(name)
    if (entry === undefined) return undefined
    if (entry.dtype !== dtype || entry.shape.join() !== `${length}`)
      throw fail(`${name} is ${entry.dtype} [${entry.shape}], expected ${dtype} [${length}]`)
    const bytes = new Uint8Array(entry.end - entry.begin)
    file!.readBytes(name, bytes)
    return bytes
  }
  const d2t = bytesOf("d2t", "I64", U)
  if (d2t === undefined)
    throw fail(`config.json has draft_vocab_size ${U} of ${V} ids, and the weights have no d2t, which names them`)
  const id_U = Int32Array.from(new BigInt64Array(d2t.buffer), (offset, u) => Number(offset) + u)
  const t2d = bytesOf("t2d", "BOOL", V)
  try {
    const ids = headIds(id_U, V)
    const odd = t2d?.findIndex((has, id) => (has !== 0) !== ids.row_V[id]! >= 0) ?? -1
    if (odd >= 0) throw fail(`t2d says ${t2d![odd] !== 0} of id ${odd}, and d2t the contrary`)
    return read === V ? ids : headIds(id_U, read)
  } catch (error) {
    if (error instanceof InvalidInput) throw fail(`d2t: ${error.problems.join("; ")}`)
    throw error
  }
}
