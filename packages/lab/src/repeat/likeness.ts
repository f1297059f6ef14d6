/** The likeness of two records: if the same code on the same machine made both, their figures must be equal. */
import type { WrittenRun } from "../runs/read-run.ts"

/** Fields of a machine that can change a figure; its memory and its system's release cannot. */
const decisive = ["cpu", "cores", "device", "products", "native"] as const

/**
 * The reasons why two records may differ; empty if there is none.
 *
 * The keys of the stages contain their sources, the engine's version, the variant of the native library and their
 * settings. A stage that only one of the records has is a difference too.
 */
export const unlikeness = (recorded: WrittenRun, repeated: WrittenRun): ReadonlyArray<string> => {
  const machine = decisive.flatMap((field) => {
    const [a, b] = [recorded.machine[field], repeated.machine[field]]
    return a === b ? [] : [`machine.${field}: ${String(a ?? "none")} -> ${String(b ?? "none")}`]
  })
  const names = [...new Set([...Object.keys(recorded.versions), ...Object.keys(repeated.versions)])]
  const versions = names.flatMap((name) => {
    const [a, b] = [recorded.versions[name], repeated.versions[name]]
    return a === b ? [] : [`${name} ${String(a)} -> ${String(b)}`]
  })
  const keys = (record: WrittenRun) => new Map(record.stages.map(({ label, key }) => [label, key]))
  const [ofA, ofB] = [keys(recorded), keys(repeated)]
  const labels = [...new Set([...ofA.keys(), ...ofB.keys()])]
  const others = labels.filter((label) => ofA.get(label) !== ofB.get(label))
  const stages =
    others.length === 0
      ? []
      : [
          `${others.length} of ${labels.length} stages have other keys (other code, engine or arithmetic): ${others[0]}, ...`,
        ]
  // A run's name depends on the sources of the lab: if the stages agree and the names differ, other code summed them
  // up.
  const summing =
    others.length === 0 && recorded.run !== repeated.run
      ? [`run ${recorded.run} -> ${repeated.run}: the lab's own code, which includes its statistics, differs`]
      : []
  return [...machine, ...versions, ...stages, ...summing]
}
