/** A package that is missing gets one line with the remedy. */
import { expect, test } from "bun:test"
import { cpSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { missingPackage } from "./missing-package.ts"

const failing = async (name: string): Promise<unknown> => {
  try {
    return await import(name)
  } catch (error) {
    return error
  }
}

test("the package of an import that found none; a file, or another error, is no package", async () => {
  expect(missingPackage(await failing("@winnow/not-there/deeper"))).toBe("@winnow/not-there")
  expect(missingPackage(await failing("not-there-at-all"))).toBe("not-there-at-all")
  expect(missingPackage(await failing("./not-there.ts"))).toBe(undefined)
  expect(missingPackage(new TypeError("x"))).toBe(undefined)
})

test("the command line without its packages says so, and exits 2", async () => {
  const folder = mkdtempSync(join(tmpdir(), "winnow-bare-"))
  for (const name of ["main.ts", "missing-package.ts"]) cpSync(join(import.meta.dir, name), join(folder, name))
  const child = Bun.spawn([process.execPath, "--no-install", join(folder, "main.ts"), "doctor"], {
    cwd: folder,
    stderr: "pipe",
  })
  expect(await new Response(child.stderr).text()).toBe(
    "error: @winnow/engine is not installed; run `bun install` in the checkout, also after a pull that adds packages [WN-204]\n",
  )
  expect(await child.exited).toBe(2)
  rmSync(folder, { recursive: true })
})
