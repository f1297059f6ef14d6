/**
 * A key contains all that determines a result, for code and data anywhere; each case is an experiment in a folder
 * outside of the house.
 */
import { afterAll, expect, test } from "bun:test"
import { cpSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { houseRoot } from "./store/code/house.ts"

interface Keys {
  readonly keys: Readonly<Record<string, string>>
  readonly untold: ReadonlyArray<string>
}

const experiment = `
import { arm, byte, defineExperiment, fresh } from "@winnow/lab"
import { llama } from "@winnow/model-llama"
import { everything } from "./filter.ts"
import { task } from "./task.ts"
import { lossOf } from "./loss.ts"

const model = (hidden_size: number) =>
  llama({ vocab_size: 257, hidden_size, num_hidden_layers: 1, num_attention_heads: 2, max_position_embeddings: 32 })
const budget = { steps: 6, batchSize: 4, optimizer: { warmup: 2 } }
export default defineExperiment({
  name: "keys", question: "Which keys?", task: task(), tokenizer: byte(), maxLength: 16,
  target: fresh(model(32), { ...budget }), draft: { start: fresh(model(8), budget) },
  arms: { all: arm({ filter: everything(), loss: lossOf(), ...budget }) },
  seeds: [1], measure: { prompts: 2, maxNew: 4, gammas: [1], gamma: 1, timedPrompts: 1 },
})
`
const filter = `
import { defineFilter } from "@winnow/core"
import { type } from "arktype"
export const everything = defineFilter({
  name: "everything", needs: [], options: type({ "+": "reject" }),
  make: () => ({ N }) => new Uint8Array(N).fill(1),
})
`
const task = `
import { defineTask } from "@winnow/core"
import { type } from "arktype"
import { Effect } from "effect"
import { examples } from "./examples.ts"
export const task = defineTask({
  name: "echo", options: type({ "+": "reject" }), make: () => Effect.succeed({ examples, sharesPrompts: true }),
})
`
const examples = `
export const examples = () => ["a", "b", "c", "d"].map((letter) => ({ prompt: letter + ":", answer: letter.repeat(3) }))
`
const loss = `
import { defineLoss } from "@winnow/core"
import { tf } from "@winnow/tensor"
import { type } from "arktype"
import { floor } from "./floor.ts"
export const lossOf = defineLoss({
  name: "floored", target: true, options: type({ "+": "reject" }),
  make: () => ({ value: ({ draft, target }) => tf.sum(tf.maximum(tf.squaredDifference(draft.p_RV(), target.p_RV()), floor), 1) }),
})
`
const files = {
  "experiment.ts": experiment,
  "filter.ts": filter,
  "task.ts": task,
  "examples.ts": examples,
  "loss.ts": loss,
  "floor.ts": "export const floor = 1e-12\n",
}

/** A folder with these files, which can import the house's packages. */
const folderWith = (changed: Readonly<Record<string, string>>): string => {
  const folder = mkdtempSync(join(tmpdir(), "winnow-keys-"))
  symlinkSync(join(houseRoot, "node_modules"), join(folder, "node_modules"))
  for (const [name, text] of Object.entries({ ...files, ...changed })) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return folder
}

const startChild = () =>
  Bun.spawn([process.execPath, join(houseRoot, "packages/lab/test/keys-child.ts")], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
  })
const request = (folder: string, run: string) => `${JSON.stringify({ file: join(folder, "experiment.ts"), run })}\n`

/** The keys as a process of their own finds them: of a folder that changes between two calls. */
const keysIn = async (folder: string, run: string = crypto.randomUUID()): Promise<Keys> => {
  const child = startChild()
  child.stdin.write(request(folder, run))
  child.stdin.end()
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  if ((await child.exited) !== 0) throw new Error(err)
  return JSON.parse(out) as Keys
}

const shared = startChild()
afterAll(() => shared.kill())
const answers = shared.stdout.pipeThrough(new TextDecoderStream()).getReader()
let told = ""

/** The keys of a folder that does not change, from one process for all of them. */
const keysAt = async (folder: string): Promise<Keys> => {
  shared.stdin.write(request(folder, crypto.randomUUID()))
  shared.stdin.flush()
  while (!told.includes("\n")) {
    const { value, done } = await answers.read()
    if (done) throw new Error(await new Response(shared.stderr).text())
    told += value
  }
  const [line, ...rest] = told.split("\n")
  told = rest.join("\n")
  return JSON.parse(line!) as Keys
}
const keysOf = (changed: Readonly<Record<string, string>> = {}) => keysAt(folderWith(changed))
/** Labels of the stages whose keys differ. */
const changes = (before: Keys, after: Keys): ReadonlyArray<string> =>
  Object.keys(before.keys).filter((label) => before.keys[label] !== after.keys[label])

const [armAll, measureAll] = ["arm all, seed 1", "measure all, seed 1"]
const before = await keysOf()

test("one experiment has the same keys in any folder, with other comments, types and line breaks", async () => {
  expect(before.untold).toEqual([])
  const folder = folderWith({
    "floor.ts": "// a floor\nexport const floor: number =\n  1e-12 /* small */\n",
  })
  const moved = mkdtempSync(join(tmpdir(), "winnow-moved-"))
  cpSync(folder, join(moved, "deep"), { recursive: true })
  expect(changes(before, await keysAt(join(moved, "deep")))).toEqual([])
})

test("a constant in a file that a loss imports changes its arm, and nothing that the loss does not reach", async () => {
  const after = await keysOf({ "floor.ts": "export const floor = 0.9\n" })
  expect(changes(before, after)).toEqual([armAll, measureAll])
})

test("a helper counts through JSON, a linked package and a module in another folder", async () => {
  const json = (value: number) => ({
    "floor.ts": 'import { floor } from "./floor.json"\nexport { floor }\n',
    "floor.json": `{ "floor": ${value} }`,
  })
  expect(changes(await keysOf(json(1)), await keysOf(json(2)))).toEqual([armAll, measureAll])
  const linked = (value: number) => {
    const elsewhere = mkdtempSync(join(tmpdir(), "winnow-linked-"))
    writeFileSync(join(elsewhere, "package.json"), '{ "name": "floors", "version": "1.0.0", "exports": "./index.ts" }')
    writeFileSync(join(elsewhere, "index.ts"), `export const floor = ${value}\n`)
    const folder = folderWith({ "floor.ts": 'export { floor } from "floors"\n' })
    const own = join(folder, "lib/node_modules")
    mkdirSync(own, { recursive: true })
    symlinkSync(elsewhere, join(own, "floors"))
    writeFileSync(join(folder, "lib/floor.ts"), 'export { floor } from "floors"\n')
    writeFileSync(join(folder, "floor.ts"), 'export { floor } from "./lib/floor.ts"\n')
    return keysAt(folder)
  }
  const [one, two] = [await linked(1), await linked(2)]
  expect(one.untold).toEqual([])
  expect(one.keys[armAll]).not.toBe(two.keys[armAll])
})

test("a plugin that is written in the experiment's own file counts with that file", async () => {
  const inline = (floor: string) => ({
    "experiment.ts": `${experiment.replace('import { lossOf } from "./loss.ts"', "")}\n`.replace(
      "const model",
      `import { defineLoss } from "@winnow/core"\nimport { tf } from "@winnow/tensor"\nimport { type } from "arktype"\n` +
        `const make = (floor: number) => defineLoss({ name: "floored", target: true, options: type({ "+": "reject" }),\n` +
        `  make: () => ({ value: ({ draft }) => tf.sum(tf.maximum(draft.p_RV(), floor), 1) }) })\n` +
        `const lossOf = make(${floor})\nconst model`,
    ),
  })
  const [one, two] = [await keysOf(inline("0.1")), await keysOf(inline("0.2"))]
  expect(one.untold).toEqual([])
  expect(changes(one, two)).toEqual([armAll, measureAll])
})

test("data counts by its content: a task that reads a file, tasks of one name made by one helper", async () => {
  const reading = {
    "examples.ts": `import { readFileSync } from "node:fs"
export const examples = () => JSON.parse(readFileSync(new URL("./data.json", import.meta.url), "utf8"))\n`,
  }
  const data = (answer: string) => JSON.stringify(["a", "b"].map((prompt) => ({ prompt, answer })))
  const folder = folderWith({ ...reading, "data.json": data("x") })
  const first = await keysIn(folder)
  expect(changes(first, await keysIn(folder))).toEqual(["target's scores"])
  expect(first.untold).toEqual([
    expect.stringMatching(/^the target's scores by task echo .*examples\.ts imports node:fs/),
  ])
  writeFileSync(join(folder, "data.json"), data("y"))
  expect(changes(first, await keysIn(folder))).toEqual(
    Object.keys(first.keys).filter((label) => label !== "tokenizer, bytes"),
  )

  const made = (letter: string) => ({
    "task.ts":
      task.replace(
        "export const task = defineTask({",
        "const taskOf = (examples: () => Array<{ prompt: string; answer: string }>) => defineTask({",
      ) +
      ["x", "y"]
        .map(
          (l) =>
            `export const ${l} = taskOf(() => [{ prompt: "p", answer: "${l}" }, { prompt: "q", answer: "${l}" }])\n`,
        )
        .join("") +
      `export const task = ${letter}\n`,
  })
  const [x, y] = [await keysOf(made("x")), await keysOf(made("y"))]
  for (const label of ["data, echo", "target", armAll, measureAll]) expect(x.keys[label]).not.toBe(y.keys[label])
})

test("a plugin that reaches outside of its files is computed in each run, and a note gives the reason", async () => {
  const folder = folderWith({ "floor.ts": "export const floor = Number(process.env['FLOOR'] ?? 0)\n" })
  const [one, two] = [await keysIn(folder), await keysIn(folder)]
  expect(one.untold).toEqual([expect.stringMatching(/loss floored .*floor\.ts reads the environment/)])
  expect(changes(one, two)).toEqual([armAll, measureAll])
  // A run and its workers share this id.
  expect(changes(await keysIn(folder, "one"), await keysIn(folder, "one"))).toEqual([])
})

test("a module of the experiment that changes what a loss reads counts with that loss", async () => {
  const changing = (value: string) => ({
    "floor.ts": "export const floors = { least: 1e-12 }\n",
    "loss.ts": loss.replace("{ floor }", "{ floors }").replace("floor)", "floors.least)"),
    "settings.ts": `import { floors } from "./floor.ts"\nfloors.least = ${value}\n`,
    "experiment.ts": `import "./settings.ts"\n${experiment}`,
  })
  const [one, two] = [await keysOf(changing("0.1")), await keysOf(changing("0.2"))]
  expect(one.untold).toEqual([])
  expect(changes(one, two)).toEqual([armAll, measureAll])
})
