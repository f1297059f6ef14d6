/** Checks the imports of every source file against docs/architecture.md. */
import { describe, expect, test } from "bun:test"
import { dirname, join } from "node:path"
import { allowed, below } from "./house.ts"

const root = join(import.meta.dir, "..")

const importsOf = (text: string): ReadonlyArray<string> =>
  new Bun.Transpiler({ loader: "ts" })
    .scanImports(text)
    .map(({ path }) => path)
    // Type-only imports are absent from the transpiled code, and count as well.
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
        // A template is a plugin or an experiment elsewhere.
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

test("the page of the architecture shows this table, and has every package", async () => {
  const page = await Bun.file(join(root, "docs/architecture.md")).text()
  const rows = [...page.matchAll(/^\| `(\w+)` +\| .* \| ([^|]*) \|$/gm)].map(([, name, may]) => [name!, may!.trim()])
  const shown = (may: ReadonlyArray<string>) => (may.length === 0 ? "none" : may.join(", "))
  expect(Object.fromEntries(rows)).toEqual(
    Object.fromEntries(Object.entries(below).map(([name, may]) => [name, shown(may)])),
  )
  const named = [...packageNames.values()].filter((folder) => folder.startsWith("packages/"))
  for (const folder of named) expect(page).toContain(`\`${folder.slice("packages/".length)}\``)
})
