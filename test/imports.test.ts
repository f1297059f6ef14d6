/** Who may import whom (docs: design, "The house"). Fails on any other import in a source file. */
import { describe, expect, test } from "bun:test"
import { dirname, join } from "node:path"

const root = join(import.meta.dir, "..")

/** The packages of Winnow that each place may import. Tests may import any of them, and what the workspace declares. */
const below: Record<string, ReadonlyArray<string>> = {
  numerics: [],
  files: [],
  engine: ["files", "numerics"],
  tensor: ["files", "numerics", "engine"],
  core: ["files", "numerics", "tensor"],
  data: ["files", "numerics", "core"],
  models: ["files", "numerics", "tensor", "core"],
  generation: ["files", "numerics", "tensor", "core"],
  training: ["files", "numerics", "tensor", "core", "data", "models", "generation"],
  decoding: ["files", "numerics", "tensor", "core", "data", "models", "generation"],
  lab: ["files", "numerics", "engine", "tensor", "core", "data", "models", "generation", "training", "decoding"],
  testing: ["files", "numerics", "tensor", "core", "models", "generation", "decoding"],
}
const everything = Object.keys(below)
const allowed = (folder: string): ReadonlyArray<string> => {
  const [kind, name] = folder.split("/") as [string, string]
  // a family is made of the blocks of `models`; `lab` finds the house's families by their folders and imports none
  if (kind === "plugins") return ["numerics", "tensor", "core", ...(name.startsWith("model-") ? ["models"] : [])]
  // set-ups are what several experiments share
  if (kind === "experiments") return [...everything.filter((p) => p !== "testing"), "plugins", "setups"]
  if (name === "cli") return everything.filter((p) => p !== "testing")
  if (name === "bench") return [...everything, "plugins"]
  // the folders that it damages are of the house's families
  if (name === "attack") return [...everything, "cli", "plugins"]
  return below[name] ?? []
}

const importsOf = (text: string): ReadonlyArray<string> =>
  new Bun.Transpiler({ loader: "ts" })
    .scanImports(text)
    .map(({ path }) => path)
    // type-only imports are not in the transpiled code, and count as well
    .concat([...text.matchAll(/^import type [^"]*"([^"]+)"/gm)].map((m) => m[1]!))

const packageNames = new Map<string, string>()
for await (const file of new Bun.Glob("{packages,plugins,experiments}/*/package.json").scan(root))
  packageNames.set((await Bun.file(join(root, file)).json()).name, dirname(file))

const shared = new Set(Object.keys((await Bun.file(join(root, "package.json")).json()).devDependencies))
const isTest = (file: string) => /\.test\.ts$|\/test\/|fixture/.test(file)

describe("imports", () => {
  for (const folder of packageNames.values())
    test(folder, async () => {
      const manifest = await Bun.file(join(root, folder, "package.json")).json()
      const declared = new Set(Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }))
      const wrong: Array<string> = []
      for await (const file of new Bun.Glob(`${folder}/**/*.ts`).scan(root)) {
        // a template is a plugin or an experiment elsewhere
        if (file.includes("node_modules") || file.includes("/templates/")) continue
        const testing = isTest(file)
        for (const name of importsOf(await Bun.file(join(root, file)).text())) {
          if (name.startsWith(".") || name.startsWith("node:") || name.startsWith("bun:") || name === "bun") continue
          const packageName = name
            .split("/")
            .slice(0, name.startsWith("@") ? 2 : 1)
            .join("/")
          const at = packageNames.get(packageName)
          if (testing && (shared.has(packageName) || at !== undefined)) continue
          if (!declared.has(packageName)) wrong.push(`${file}: ${packageName} is not in ${folder}/package.json`)
          if (packageName.startsWith("@tensorflow/") && folder !== "packages/tensor")
            wrong.push(`${file}: only packages/tensor imports ${packageName}`)
          if (packageName.startsWith("@effect/platform") && folder !== "packages/cli")
            wrong.push(`${file}: only packages/cli imports ${packageName}`)
          if (at === undefined || at === folder) continue
          const [kind, own] = at.split("/") as [string, string]
          const may = allowed(folder)
          if (kind === "plugins" ? may.includes("plugins") : may.includes(own)) continue
          wrong.push(
            `${file}: imports ${packageName}, which ${folder} may not; it may import ${may.join(", ") || "none"}`,
          )
        }
      }
      expect(wrong).toEqual([])
    })

  test("no plugin imports another, tests aside", () => {
    expect(allowed("plugins/filter-none")).not.toContain("plugins")
  })
})
