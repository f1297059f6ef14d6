/** Fields that hold a plugin. */
import type { PluginKind } from "@winnow/core"

/**
 * Kinds of plugins by the name of the field that holds one, at any depth: in such a field a plugin's name is enough.
 */
export const pluginFields: ReadonlyMap<string, PluginKind> = new Map([
  ["examples", "examples"],
  ["filter", "filter"],
  ["head", "head"],
  ["loss", "loss"],
  ["model", "model"],
  ["objective", "objective"],
  ["proposer", "proposer"],
  ["score", "score"],
  ["service", "service"],
  ["study", "study"],
  ["task", "task"],
  ["variable", "variable"],
])

/** All kinds. Measures stand in a list, so no field names them; `measure` holds settings. */
export const pluginKinds: ReadonlySet<string> = new Set([...pluginFields.values(), "measure"])

/** Fields whose entries have names of the author's choice: an arm or a part named "task" is no task. */
const named: ReadonlySet<string> = new Set(["among", "arms", "parts", "scores"])

/**
 * The field that says which plugin a value may be: the value's own, or none where the author chose its name.
 *
 * @param above the field that the value's object is in
 */
export const fieldWithin = (above: string | undefined, field: string): string =>
  above !== undefined && named.has(above) ? "" : field
