/** Imports between files form no circle. Type imports count, as they tie files together too. */
import { expect, test } from "bun:test"
import { dirname, join } from "node:path"

const root = join(import.meta.dir, "..")

/** Paths of the files that a file imports within its package; `test/imports.test.ts` checks other packages. */
const importsOf = (file: string, text: string): ReadonlyArray<string> =>
  [...text.matchAll(/^(?:import|export)\b[^"'`;]*?from\s+"(\.[^"]+)"|^import\s+"(\.[^"]+)"/gm)].map((found) =>
    join(dirname(file), (found[1] ?? found[2])!),
  )

/** Groups of files that import each other in a circle. */
const circlesOf = (graph: ReadonlyMap<string, ReadonlyArray<string>>): ReadonlyArray<ReadonlyArray<string>> => {
  const [index, low] = [new Map<string, number>(), new Map<string, number>()]
  const stack: Array<string> = []
  const open = new Set<string>()
  const circles: Array<ReadonlyArray<string>> = []
  const visit = (file: string): void => {
    index.set(file, index.size)
    low.set(file, index.get(file)!)
    stack.push(file)
    open.add(file)
    for (const next of graph.get(file) ?? []) {
      if (!graph.has(next)) continue
      if (!index.has(next)) visit(next)
      if (open.has(next)) low.set(file, Math.min(low.get(file)!, low.get(next)!))
    }
    if (low.get(file) !== index.get(file)) return
    const circle = stack.splice(stack.indexOf(file))
    for (const member of circle) open.delete(member)
    if (circle.length > 1 || graph.get(file)!.includes(file)) circles.push(circle.toSorted())
  }
  for (const file of graph.keys()) if (!index.has(file)) visit(file)
  return circles
}

test("a circle is found, whatever leads into it", () => {
  const graph = (edges: Readonly<Record<string, ReadonlyArray<string>>>) => new Map(Object.entries(edges))
  expect(circlesOf(graph({ a: ["b"], b: ["c", "d"], c: [], d: ["elsewhere"] }))).toEqual([])
  expect(circlesOf(graph({ a: ["b"], b: ["c"], c: ["b"], d: ["d"] }))).toEqual([["b", "c"], ["d"]])
  expect(
    importsOf("p/a.ts", 'import type { A } from "./b.ts"\nexport {\n  c,\n} from "../q/c.ts"\nimport "x"'),
  ).toEqual(["p/b.ts", "q/c.ts"])
})

test("no files of the house import each other in a circle", async () => {
  const graph = new Map<string, ReadonlyArray<string>>()
  for await (const file of new Bun.Glob("{packages,plugins,experiments}/**/*.ts").scan(root))
    if (!file.includes("node_modules")) graph.set(file, importsOf(file, await Bun.file(join(root, file)).text()))
  expect(graph.size).toBeGreaterThan(400)
  expect(circlesOf(graph).map((circle) => circle.join(" <-> "))).toEqual([])
})
