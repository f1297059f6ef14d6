/** The contract of a head: the input and the answer of `rows`. Letters as in draft-rows.ts. */
import type { DraftRows, OwnClasses, Seen, SeenName, TargetSizes } from "../draft-rows.ts"
import type { Problem } from "../problem.ts"
import { brief, kindOf } from "./brief.ts"
import { PluginFault } from "./fault.ts"
import { strict } from "./strict.ts"

/** A maker of a head's input. Reading any other name is a `PluginFault`. */
export const seenInput = <R extends SeenName>(plugin: string, reads: ReadonlyArray<R>) => {
  const make = strict((name) => {
    const names = reads.length === 0 ? "nothing" : reads.join(", ")
    return new PluginFault(plugin, "reads", `reads ${name}, which its reads do not list; it is given ${names}`)
  })
  return (seen: Seen): Pick<Seen, R> => make(Object.fromEntries(reads.map((name) => [name, seen[name]])) as never)
}

/** Checks the classes of an entry of M rows whose head has C rows. */
const checkClasses = (
  refuse: (rule: string, detail: string) => PluginFault,
  i: number,
  M: number,
  C: number,
  { gold_M, numbers }: OwnClasses,
) => {
  const sizes = [
    ["gold_M", gold_M.length, M],
    ...(numbers
      ? [["middle_C", numbers.middle_C.length, C] as const, ["exact_M", numbers.exact_M.length, M] as const]
      : []),
  ] as const
  for (const [name, found, expected] of sizes)
    if (found !== expected) throw refuse("classes", `entry ${i} has a ${name} of ${found}; expected ${expected}`)
  const odd = gold_M.findIndex((c) => !(c >= 0 && c < C))
  if (odd >= 0) throw refuse("classes", `entry ${i} has class ${gold_M[odd]} at row ${odd}; its head has ${C} rows`)
}

/**
 * Checks the layers whose states a head reads.
 *
 * @error PluginFault (thrown) for a layer that the target does not have between its others
 */
export const checkLayers = (
  plugin: string,
  layers: ReadonlyArray<number> | undefined,
  { layers: count = Number.POSITIVE_INFINITY }: Pick<TargetSizes, "layers">,
): void => {
  const odd = layers?.find((layer) => !(Number.isInteger(layer) && layer >= 0 && layer < count))
  if (odd !== undefined)
    throw new PluginFault(
      plugin,
      "layers",
      `reads the states of layer ${odd}; expected 0, the embedding, to ${count - 1} of a target of ${count} layers`,
    )
}

/**
 * A head's answer to a problem, checked.
 *
 * @error PluginFault (thrown) for a value that is no answer: names the value and the expected one
 */
export const checkedRows = (
  plugin: string,
  answer: ReadonlyArray<DraftRows>,
  { row_N: { length: N } }: Pick<Problem, "row_N">,
  { vocabularySize: V }: TargetSizes,
): ReadonlyArray<DraftRows> => {
  const refuse = (rule: string, detail: string) => new PluginFault(plugin, rule, detail)
  const value: unknown = answer
  if (!Array.isArray(value) || value.length === 0)
    throw refuse("answer", `rows returned ${kindOf(value)}; expected a list of one or more { h_Md, head_Vd, at_M }`)
  for (const [i, { h_Md, head_Vd, headIds, classes, at_M, weight = 1, added_M }] of answer.entries()) {
    const M = at_M?.length ?? N
    if (h_Md.shape.length !== 2 || h_Md.shape[0] !== M)
      throw refuse("rows", `entry ${i} has hidden states [${h_Md.shape}] for ${M} rows; expected [${M}, d]`)
    const d = h_Md.shape[1]
    if (classes !== undefined) checkClasses(refuse, i, M, head_Vd.shape[0]!, classes)
    const rows = classes === undefined ? (headIds?.id_U.length ?? V) : head_Vd.shape[0]!
    if (head_Vd.shape.join() !== `${rows},${d}`)
      throw refuse(
        "head",
        `entry ${i} has a head [${head_Vd.shape}]; expected [${rows}, ${d}]: ${headIds ? "the number of its ids" : "V"} and d of its rows`,
      )
    if (headIds !== undefined && headIds.row_V.length !== V)
      throw refuse("head ids", `entry ${i} has a head for ids of ${headIds.row_V.length}; expected those of ${V}`)
    const odd = at_M?.findIndex((n, m) => !(n >= 0 && n < N && (m === 0 || n > at_M[m - 1]!))) ?? -1
    if (odd >= 0)
      throw refuse(
        "at",
        `entry ${i} predicts row ${at_M![odd]} of ${N} after ${odd === 0 ? "none" : `row ${at_M![odd - 1]}`}; ` +
          "expected rows of the problem, each once, increasing",
      )
    if (added_M !== undefined && added_M.shape.join() !== `${M}`)
      throw refuse("added", `entry ${i} adds a loss of shape [${added_M.shape}]; expected [${M}], one for each row`)
    if (!(weight > 0 && weight < Number.POSITIVE_INFINITY))
      throw refuse("weight", `entry ${i} has weight ${brief(weight, 40)}; expected a finite number above 0`)
  }
  return answer
}
