import { expect, test } from "bun:test"
import { existsSync, mkdirSync, mkdtempSync, utimesSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { thisOwner } from "@winnow/files"
import { findRemovable, removeAll } from "./clean.ts"

const key = (digit: string) => digit.repeat(64)

/**
 * A store with an old artifact that a record names, an old one that no record names, a new one, attempts and leftovers.
 */
const store = () => {
  const home = mkdtempSync(join(tmpdir(), "winnow-clean-"))
  const put = (path: string, bytes: number, ageDays: number, folder = "") => {
    mkdirSync(join(home, path, ".."), { recursive: true })
    writeFileSync(join(home, path), "x".repeat(bytes))
    const then = Date.now() / 1000 - ageDays * 86_400
    utimesSync(join(home, path), then, then)
    if (folder !== "") utimesSync(join(home, folder), then, then)
  }
  const artifact = (name: string, bytes: number, age: number) =>
    put(`artifacts/${name}/weights`, bytes, age, `artifacts/${name}`)
  artifact(`arm/${key("a")}`, 100, 40)
  artifact(`arm/${key("b")}`, 200, 40)
  artifact(`arm/${key("c")}`, 300, 1)
  artifact(`target/${key("a")}`, 50, 40) // The same key in another stage.
  artifact(`arm/${key("d")}.partial`, 400, 40)
  artifact(`arm/${key("e")}.partial`, 500, 0)
  artifact(`arm/${key("f")}.partial`, 600, 40)
  put(`locks/arm-${key("f")}.lock`, 0, 0)
  writeFileSync(join(home, `locks/arm-${key("f")}.lock`), JSON.stringify(thisOwner()))
  put(`locks/arm-${key("b")}.lock`, 3, 0)
  artifact(`arm/${key("a")}.discarded-12-34`, 7, 0)
  put(`hashes/arm-${key("9")}.json`, 5, 0)
  put(`hashes/arm-${key("a")}.json`, 5, 0)
  put(`hashes/start-score-${key("9")}.json`, 4, 0)
  put(`hashes/folder-${key("9")}.json`, 5, 0)
  put("results/001-x/0123456789/run.json", 0, 0)
  writeFileSync(
    join(home, "results/001-x/0123456789/run.json"),
    JSON.stringify({ stages: [{ kind: "arm", label: "arm all", key: key("a") }] }),
  )
  return home
}
const found = (home: string, days = 14) => findRemovable(home, { results: [join(home, "results")], days })

test("artifacts of no record that were not used lately can go, largest first; the rest stays", () => {
  const home = store()
  const { removable, needed } = found(home)
  expect(
    removable.map(({ kind, stage, path }) => [kind, stage, path.slice(home.length + 1).replace(/(.)\1{60,}/, "$1")]),
  ).toEqual([
    ["stopped attempt", "arm", "artifacts/arm/d.partial"],
    ["artifact", "arm", "artifacts/arm/b"],
    ["artifact", "target", "artifacts/target/a"],
    ["leftover", "arm", "artifacts/arm/a.discarded-12-34"],
    ["leftover", null, "hashes/arm-9.json"],
    ["leftover", null, "hashes/start-score-9.json"],
    ["leftover", null, "locks/arm-b.lock"],
  ])
  expect(removable.map(({ bytes }) => bytes)).toEqual([400, 200, 50, 7, 5, 4, 3])
  expect(needed).toEqual({ artifacts: 2, bytes: 400 })
  expect(removeAll(removable)).toBe(669)
  expect(removable.some(({ path }) => existsSync(path))).toBe(false)
  expect(existsSync(join(home, "artifacts/arm", key("a"), "weights"))).toBe(true)
  expect(found(home).removable).toEqual([])
})

test("with 0 days only what records name stays; a held lock keeps its attempt in any case", () => {
  const home = store()
  const kinds = found(home, 0).removable.filter(({ kind }) => kind !== "leftover")
  expect(kinds.map(({ bytes }) => bytes)).toEqual([500, 400, 300, 200, 50])
})

test("outside of git every record counts; in it an old one counts once it is committed", () => {
  const home = store()
  const git = (...args: ReadonlyArray<string>) => Bun.spawnSync(["git", "-C", home, ...args])
  const record = join(home, "results/001-x/0123456789/run.json")
  const old = Date.now() / 1000 - 40 * 86_400
  const named = () => !found(home).removable.some(({ path }) => path === join(home, "artifacts/arm", key("a")))
  utimesSync(record, old, old)
  expect(named()).toBe(true)
  git("init", "--quiet")
  expect(named()).toBe(false)
  git("add", record)
  expect(named()).toBe(true)
})

test("a record that cannot be read stops the cleaning, since its needs are unknown", () => {
  const home = store()
  writeFileSync(join(home, "results/001-x/0123456789/run.json"), "{}")
  expect(() => found(home)).toThrow("is not the record of a run")
  expect(findRemovable(join(home, "nowhere"), { results: [], days: 14 }).removable).toEqual([])
})
