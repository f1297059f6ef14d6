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
])

/** All kinds. Measures stand in a list, so no field names them; `measure` holds settings. */
export const pluginKinds: ReadonlySet<string> = new Set([...pluginFields.values(), "measure"])
