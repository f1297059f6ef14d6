/** The target's states of a verified block, as a proposer reads them. Letters: D hidden size, T positions of a call. */
import type { Decoding, ProposerReads, SeenStates } from "@winnow/core"

/**
 * The states of the positions of the target's last call that became text.
 *
 * @param target a decoding state that keeps the layers of `reads`
 * @param call.from position of its first token in the text
 * @param call.T its tokens
 * @param call.rows those that became text, in order: of a chain the first ones, of a tree a path
 */
export const seenStates = (
  target: Decoding,
  { layers, positions }: ProposerReads,
  { from, T, rows }: { readonly from: number; readonly T: number; readonly rows: ReadonlyArray<number> },
): SeenStates => {
  const read = positions === "all" ? rows : rows.slice(-1)
  const inOrder = read.every((row, i) => row === read[0]! + i)
  const of = new Map<unknown, Float32Array>()
  return {
    from: from + rows.length - read.length,
    count: read.length,
    of: (layer) => {
      const found = of.get(layer)
      if (found !== undefined) return found
      if (!layers.includes(layer))
        throw new Error(`layer ${layer} is not among those that the proposer reads: ${layers.join(", ")}`)
      const h_TD = target.kept!(layer)
      const D = h_TD.length / T
      const chosen = inOrder
        ? h_TD.subarray(read[0]! * D, (read[0]! + read.length) * D)
        : Float32Array.from({ length: read.length * D }, (_, i) => h_TD[read[Math.floor(i / D)]! * D + (i % D)]!)
      of.set(layer, chosen)
      return chosen
    },
  }
}
