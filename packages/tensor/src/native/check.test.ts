/** The command that runs the C++ tests, on a library of one function and tests of it, with the real driver. */
import { expect, test } from "bun:test"
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { nativeCheck } from "@winnow/engine"
import { nativeSources } from "./sources.ts"

const compiler = Bun.which("c++") ?? Bun.which("g++") ?? Bun.which("clang++")

const library = `extern "C" void winnow_set_threads(int) {}
float twice(float x) { return 2 * x; }
`
const testOf = (name: string, expected: string) => `#include "check.h"
float twice(float);
static void right(check::Random& random) {
  const long n = random.size(50);
  if (n < 1 || n > 50) check::fail("size %ld", n);
  for (float x : random.normals(n)) check::near("twice", twice(x), 2.0 * x, 1e-9);
}
static void other(check::Random& random) {
  const float x = static_cast<float>(random.normal());
  check::near("other", twice(x), ${expected}, 1e-6);
}
static void specials(check::Random&) {
  check::near("nan", NAN, NAN, 1e-6);
  check::near("infinity", twice(INFINITY), INFINITY, 1e-6);
}
int main(int argc, char** argv) {
  return check::run(argc, argv, {{"${name}: right", right}, {"${name}: other", other}, {"${name}: specials", specials}});
}
`

const temporaryFolder = () => {
  const path = mkdtempSync(join(tmpdir(), "winnow-native-check-"))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** Runs the command in a separate process, whose stdout can be read. */
const check = async (root: string, args: ReadonlyArray<string>) => {
  const code = `const { nativeCheck } = await import(${JSON.stringify(Bun.resolveSync("@winnow/engine", import.meta.dir))})
process.exit((await nativeCheck(${JSON.stringify(args)}, ${JSON.stringify(root)})) ? 0 : 1)`
  const env = { ...process.env, XDG_CACHE_HOME: join(root, "cache"), WINNOW_NATIVE: "" }
  const child = Bun.spawn([process.execPath, "-e", code], { stdout: "pipe", stderr: "inherit", env })
  return { text: await new Response(child.stdout).text(), code: await child.exited }
}

test.skipIf(compiler === null)("tests that pass, tests that fail, and how a failure is run again", async () => {
  using folder = temporaryFolder()
  const root = folder.path
  mkdirSync(join(root, "test"))
  writeFileSync(join(root, "twice.cpp"), library)
  copyFileSync(join(nativeSources, "test", "check.h"), join(root, "test", "check.h"))
  writeFileSync(join(root, "test", "good.cpp"), testOf("good", "x + x"))
  writeFileSync(join(root, "test", "bad.cpp"), testOf("bad", "x > 2 ? 0 : x + x")) // One normal number of 44 is above 2.
  const good = await check(root, ["--variant", "portable", "--only", "good", "--cases", "500"])
  expect(good.text).toMatch(/good: other: 500 cases\n {2}other +500 compared/)
  expect([good.code, good.text]).toEqual([0, expect.stringContaining("all passed")])
  const all = await check(root, ["--variant", "portable"])
  expect(all.text).toMatch(/good: other: 200 cases/)
  expect([all.code, all.text]).toEqual([1, expect.stringContaining("FAILED: bad-test (portable)")])
  const [, again] = /again: bun run native:check (.*)/.exec(all.text)!
  const once = await check(root, ["--variant", "portable", ...again!.split(" ")])
  expect([once.code, once.text]).toEqual([1, expect.stringMatching(/FAILED bad: other: other\[0\] is \S+, expected 0/)])
  const fuzzed = await check(root, ["--variant", "portable", "--only", "good", "--fuzz", "0.2"])
  expect(fuzzed.code).toBe(0)
})

test.each([
  [["--sanitize", "memory"], "--sanitize has memory, expected some of address, undefined, thread"],
  [["--sanitize", "thread,address"], "thread goes with no other"],
  [["--fuzz", "soon"], "--fuzz is soon, expected a number above 0"],
  [["--variant", "best"], '--variant is "best"'],
  [["--variant", "off"], "nothing to check"],
  [["--quickly"], "--quickly"],
])("%p is refused", async (args, message) => {
  await expect(nativeCheck(args, nativeSources)).rejects.toThrow(message)
})
