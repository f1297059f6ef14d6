/** The golden check detects each number that differs from transformers. */
import { afterAll, expect, test } from "bun:test"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { llama } from "@winnow/model-llama"
import { tf } from "@winnow/tensor"
import { checkGolden } from "./check-golden.ts"
import { type GoldenCase, type GoldenFile, readGolden } from "./golden-file.ts"

const root = mkdtempSync(join(tmpdir(), "winnow-golden-"))
afterAll(() => rmSync(root, { recursive: true }))
const golden = readGolden(join(import.meta.dir, "../../../../plugins/model-llama/golden.json.gz"))
const [first] = golden.cases as [GoldenCase]
const changed = <T>(list: ReadonlyArray<T>, at: number, value: T): Array<T> => [...list.with(at, value)]

const check = (change: Partial<GoldenFile>) => {
  const file = join(root, "golden.json.gz")
  writeFileSync(file, gzipSync(JSON.stringify({ ...golden, cases: [first], ...change })))
  tf.engine().startScope() // A check that throws leaves its model.
  try {
    return checkGolden(llama, file)
  } finally {
    tf.engine().endScope()
  }
}
const [name, after] = Object.entries(first.after)[0]!
const [text] = first.texts
const cases: Record<string, readonly [law: string, change: Partial<GoldenCase>]> = {
  "a logit": ["logits", { logits: changed(first.logits, 40, first.logits[40]! + 2e-4) }],
  "a hidden state": [
    "hidden states",
    {
      sums: changed(
        first.sums,
        3,
        first.sums[3]!.map((x) => x + 2e-4),
      ),
    },
  ],
  "a token of a text": ["texts", { texts: [changed(text!, 9, (text![9]! + 1) % 19), ...first.texts.slice(1)] }],
  "a name or shape of a tensor": ["tensors", { tensors: "0123456789abcdef" }],
  "the loss": ["loss", { loss: first.loss + 2e-5 }],
  "a parameter after a step": ["AdamW", { after: { ...first.after, [name]: changed(after, 1, after[1]! + 2e-5) } }],
}

test("numbers of transformers are accepted", () => expect(check({})).toEqual({ computed: 1, refused: 5 }))

for (const [what, [law, change]] of Object.entries(cases))
  test(`${what} that differs breaks "${law}"`, () => {
    expect(() => check({ cases: [{ ...first, ...change }] })).toThrow(`breaks the law "${law}"`)
  })

test("a configuration that is computed where it should be refused, or refused with another key", () => {
  const refused = (one: GoldenFile["refused"][number]) => () => check({ refused: [one] })
  expect(refused({ config: first.config, key: "hidden_act" })).toThrow("must be refused by name, found undefined")
  expect(refused({ config: { ...first.config, hidden_act: "relu" }, key: "rope_theta" })).toThrow('hidden_act "relu"')
})

test("a file that is none of golden configurations is refused", () => {
  const file = join(root, "other.json.gz")
  writeFileSync(file, gzipSync('{"cases": []}'))
  expect(() => readGolden(file)).toThrow("cases")
})
