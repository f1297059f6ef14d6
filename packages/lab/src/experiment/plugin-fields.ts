/** Fields that hold a plugin. */
import type { PluginKind } from "@winnow/core"

/** Kinds of plugins by the name of the field that holds one, wherever it stands: there a name alone says what is meant. */
export const pluginFields: ReadonlyMap<string, PluginKind> = new Map([
  ["examples", "examples"],
  ["filter", "filter"],
  ["loss", "loss"],
  ["measure", "measure"],
  ["model", "model"],
  ["objective", "objective"],
  ["proposer", "proposer"],
  ["score", "score"],
  ["service", "service"],
  ["study", "study"],
  ["task", "task"],
])
