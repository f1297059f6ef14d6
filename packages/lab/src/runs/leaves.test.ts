import { expect, test } from "bun:test"
import { changedLeaves, leavesOf } from "./leaves.ts"

test("plugins and lists read as settings do; members of a list go by their name, not their place", () => {
  const config = {
    seeds: [1, 2],
    arms: { a: { filter: { name: "adaspec", options: { k: 0.4 } }, signals: {} } },
    rows: [
      { name: "a", tau: 2 },
      { name: "b", tau: 3 },
    ],
  }
  expect(Object.fromEntries(leavesOf(config, { wholeLists: true }))).toEqual({
    seeds: "[1,2]",
    "arms.a.filter": "adaspec",
    "arms.a.filter.k": 0.4,
    "arms.a.signals": {},
    "rows[a].name": "a",
    "rows[a].tau": 2,
    "rows[b].name": "b",
    "rows[b].tau": 3,
  })
  expect([...leavesOf(config).keys()]).toContain("seeds[1]")
  const pairs = ["tau", "draftKl"].map((measure) => ({ a: "x", b: "y", measure, value: 1 }))
  expect(leavesOf({ differences: pairs }).get("differences[x, y, tau].value")).toBe(1)
  expect(changedLeaves(config.rows, [{ name: "c", tau: 1 }, ...config.rows]).map(({ path }) => path)).toEqual([
    "[c].name",
    "[c].tau",
  ])
})

test("numbers differ to the last digit, null is not missing, a plugin swapped is one change and its options theirs", () => {
  expect(changedLeaves({ x: 0.1 + 0.2, y: null, l: [] }, { x: 0.3, l: [] })).toEqual([
    { path: "x", a: 0.1 + 0.2, b: 0.3 },
    { path: "y", a: null, b: undefined },
  ])
  const plugin = (name: string, options: object) => ({ loss: { name, options } })
  expect(changedLeaves(plugin("kl", { temperature: 1 }), plugin("tvd", {}))).toEqual([
    { path: "loss", a: "kl", b: "tvd" },
    { path: "loss.temperature", a: 1, b: undefined },
  ])
})
