import { expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { ownFolder } from "./own-folder.ts"

test("a run writes beside a record that git tracks, and in its own folder otherwise", () => {
  const root = mkdtempSync(join(tmpdir(), "winnow-published-"))
  const git = (...args: ReadonlyArray<string>) => Bun.spawnSync(["git", "-C", root, ...args])
  const folders = ["published", "own"].map((name) => join(root, "results/000-tiny", name))
  for (const folder of folders) {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, "run.json"), "{}")
  }
  expect(folders.map(ownFolder)).toEqual(folders) // There is no repository.
  git("init", "--quiet")
  git("add", "results/000-tiny/published")
  expect(folders.map(ownFolder)).toEqual([`${folders[0]}.local`, folders[1]!])
  expect(ownFolder(join(root, "nowhere/at-all"))).toBe(join(root, "nowhere/at-all"))
})
