/**
 * Executes the documentation: its code compiles, runs and prints the stated output.
 *
 * A `ts` block whose first line is `// file: name.ts` is a file; the files of one document lie side by side in one
 * folder inside the workspace. All are type-checked. `*.test.ts` is run by `bun test`; any other file with a line
 * `// => text` is imported, and its `console.log` output must be exactly those texts, in order. Blocks without a file
 * line are fragments, and are not checked.
 */
import { afterAll, expect, spyOn, test } from "bun:test"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { basename, dirname, join, relative } from "node:path"
import { Glob } from "bun"

const root = dirname(import.meta.dir)
const documents = [
  "README.md",
  "docs/**/*.md",
  "packages/*/README.md",
  "plugins/*/README.md",
  "experiments/*/README.md",
]
  .flatMap((pattern) => [...new Glob(pattern).scanSync(root)])
  .sort()
  .map((path) => join(root, path))

interface Example {
  readonly name: string
  readonly text: string
}

/** The files in a document. @error if two have the same name */
const examplesOf = (markdown: string): ReadonlyArray<Example> => {
  const examples = [...markdown.matchAll(/^```ts\n\/\/ file: (\S+\.ts)\n([\s\S]*?)^```$/gm)].map(([, name, text]) => ({
    name: name!,
    text: text!,
  }))
  const twice = examples.find((a, i) => examples.findIndex((b) => b.name === a.name) < i)
  if (twice !== undefined)
    throw new Error(`two blocks are called ${twice.name}; give each file of a document its own name`)
  return examples
}

const run = (...command: ReadonlyArray<string>) => {
  const done = Bun.spawnSync([process.execPath, ...command], { cwd: root, timeout: 280_000 })
  // A process that was ended for its time has no errors to show.
  if (done.exitedDueToTimeout) throw new Error(`${command.slice(0, 2).join(" ")} took longer than 280 s`)
  return { exitCode: done.exitCode, stdout: done.stdout.toString(), stderr: done.stderr.toString() }
}

// Inside the workspace, so that packages resolve; in a new folder, so that two runs do not meet.
mkdirSync(join(root, ".winnow"), { recursive: true })
const folder = mkdtempSync(join(root, ".winnow", "docs-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const written: Array<{ readonly document: string; readonly file: string; readonly example: Example }> = []
for (const [i, document] of documents.entries()) {
  const own = join(folder, `${i}-${basename(dirname(document))}-${basename(document, ".md")}`)
  for (const example of examplesOf(await Bun.file(document).text())) {
    const file = join(own, example.name)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, example.text)
    written.push({ document: relative(root, document), file, example })
  }
}

test("there are examples to execute", () => {
  expect(written.length).toBeGreaterThan(0)
})

test("every example type-checks", () => {
  const config = { extends: join(root, "tsconfig.json"), include: ["**/*.ts"], exclude: [] }
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config))
  const { stdout } = run("x", "tsc", "--noEmit", "--project", folder)
  // `bun run typecheck` reports the errors of the packages themselves.
  expect(stdout.split("\n").filter((line) => line.includes(basename(folder)))).toEqual([])
})

const isTest = ({ example }: (typeof written)[number]) => example.name.endsWith(".test.ts")

test("every example that is a test passes", () => {
  const files = written.filter(isTest).map(({ file }) => file)
  const { exitCode, stderr } = run("test", "--timeout", "120000", ...files)
  if (exitCode !== 0) throw new Error(stderr)
  expect(stderr).toContain(`across ${files.length} file`)
})

// In this process, whose engine is already open: that takes a tenth of the time of separate processes.
for (const { document, file, example } of written) {
  const promised = [...example.text.matchAll(/\/\/ => (.*)$/gm)].map(([, text]) => text!)
  if (isTest({ document, file, example }) || promised.length === 0) continue
  test(`${document}: ${example.name} prints what it says`, async () => {
    const printed: Array<string> = []
    const log = spyOn(console, "log").mockImplementation((...values) => void printed.push(values.join(" ")))
    try {
      await import(file)
    } finally {
      log.mockRestore()
    }
    expect(printed).toEqual(promised)
  })
}
