/**
 * The imports that each package may have: `imports.test.ts` checks the sources against this table, and
 * docs/architecture.md shows it.
 */

/**
 * The packages of Winnow that each package may import. Tests may import any of them, and all dependencies of the
 * workspace.
 */
export const below: Readonly<Record<string, ReadonlyArray<string>>> = {
  numerics: [],
  files: [],
  engine: ["files", "numerics"],
  tensor: ["files", "numerics", "engine"],
  core: ["files", "numerics", "tensor"],
  hub: ["files", "core"],
  data: ["files", "numerics", "core", "hub"],
  models: ["files", "numerics", "tensor", "core"],
  generation: ["files", "numerics", "tensor", "core"],
  training: ["files", "numerics", "tensor", "core", "data", "models", "generation"],
  heads: ["numerics", "tensor", "core", "models", "generation"],
  decoding: ["files", "numerics", "tensor", "core", "data", "models", "generation"],
  lab: ["files", "numerics", "engine", "tensor", "core", "hub", "data", "models", "generation", "training", "decoding"],
  testing: ["files", "numerics", "tensor", "core", "models", "generation", "decoding"],
}
const everything = Object.keys(below)

const belowPlugin = (name: string): ReadonlyArray<string> => {
  if (name.startsWith("model-")) return ["models"]
  return name.startsWith("head-") ? ["models", "generation", "heads"] : []
}

/** The packages that the sources of a folder may import: "packages/lab", "plugins/loss-kl", "experiments/setups". */
export const allowed = (folder: string): ReadonlyArray<string> => {
  const [kind, name] = folder.split("/") as [string, string]
  // Families and heads consist of blocks of `models`; `lab` finds the house's families by their folders and imports none.
  if (kind === "plugins") return ["numerics", "tensor", "core", ...belowPlugin(name)]
  // Several experiments share set-ups.
  if (kind === "experiments") return [...everything.filter((p) => p !== "testing"), "plugins", "setups"]
  if (name === "cli") return everything.filter((p) => p !== "testing")
  if (name === "bench") return [...everything, "plugins"]
  // Pages as HTML, in the colours of reports, with the home page of the results.
  if (name === "site") return ["lab"]
  // The folders that it damages belong to the house's families.
  if (name === "attack") return [...everything, "cli", "plugins"]
  return below[name] ?? []
}
