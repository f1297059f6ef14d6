/** A private part of a head: no change at first, gradients in all of it, a file of its own beside the shared head. */
import { afterAll, describe, expect, test } from "bun:test"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type DraftHead, everyToken, type HeadInstance } from "@winnow/core"
import { collate } from "@winnow/data"
import { eagle } from "@winnow/head-eagle"
import { medusa } from "@winnow/head-medusa"
import { kl } from "@winnow/loss-kl"
import { llama } from "@winnow/model-llama"
import {
  initialise,
  initialiseHead,
  loadHead,
  placePrivateHead,
  saveHead,
  savePrivateHead,
  withPrivateHead,
} from "@winnow/models"
import { normals, seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { instanceOf } from "@winnow/testing"
import { Effect } from "effect"
import { seenBy } from "./draft-entries.ts"
import { headFor } from "./head/head.ts"
import { runMicroBatch } from "./micro-batch.ts"

const folder = mkdtempSync(join(tmpdir(), "winnow-private-head-"))
const V = 17
const target = initialise(
  await instanceOf(
    llama({
      ...{ vocab_size: V, hidden_size: 8, num_hidden_layers: 4, num_attention_heads: 2, intermediate_size: 16 },
      ...{ max_position_embeddings: 32, initializer_range: 0.4 },
    }),
  ),
  1,
)
afterAll(() => {
  target.dispose()
  rmSync(folder, { recursive: true, force: true })
})
const run = <A, E>(effect: Effect.Effect<A, E>) => Effect.runPromise(effect)

const forms = {
  "the first form": eagle({ steps: 2, initializer_range: 0.4 }),
  "EAGLE-3's form": eagle({ form: "eagle3", steps: 2, taps: [1, 2, 3], initializer_range: 0.4 }),
}
const gates = ["joint", "none"] as const
const withPart = async (use: ReturnType<typeof eagle>, gate: (typeof gates)[number], size = 3) =>
  use.withOptions(await run(use.privateOptions!({ size, gate })))

const rng = seeded(3, "private head")
const batch = collate(
  [9, 6].map((length) => ({ ids: Int32Array.from({ length }, () => rng.below(V)), promptLength: 2 })),
)

/** Values without zeros in every private variable. */
const stir = ({ trained }: DraftHead, seed: number) => {
  for (const [name, variable] of trained)
    tf.tidy(() => variable.assign(tf.tensor(normals(variable.size, 0.4, seeded(seed, name)), variable.shape)))
}

/** The rows of all entries. */
const rowsOf = (head: DraftHead): ReadonlyArray<ReadonlyArray<number>> => {
  let rows: ReadonlyArray<ReadonlyArray<number>> = []
  tf.tidy(() => {
    const seen = seenBy(head, batch, tf.tensor2d(batch.ids_BT, [batch.B, batch.T], "int32"))
    rows = head.rows(batch, seen as never).map(({ h_Md }) => Array.from(h_Md.dataSync())) // it reads no other
  })
  return rows
}

const lossAndGradients = async (draft: DraftHead) => {
  const [filter, loss] = [await instanceOf(everyToken()), await instanceOf(kl())]
  const { lossSum, denominator, gradients } = runMicroBatch({
    ...{ batch, draft, target, filter, head: headFor({ filter, loss }) },
    ...{ step: 0, steps: 1, seed: 1, micro: 0, divide: true },
  })
  const byName = new Map(Object.entries(gradients).map(([name, g]) => [name, Array.from(g.dataSync())]))
  tf.dispose(gradients)
  return { loss: lossSum / denominator, byName }
}

for (const [name, use] of Object.entries(forms))
  describe.each(gates)(`${name}, gate %s`, (gate) => {
    test("a fresh private part leaves every bit, trains alone, and each of its variables moves after two steps", async () => {
      const before = tf.memory().numTensors
      const shared = initialiseHead(await instanceOf(use), target, 1)
      const expected = rowsOf(shared)
      const head = await instanceOf(await withPart(use, gate))
      const own = withPrivateHead(shared, head, 5)
      expect(rowsOf(own)).toEqual(expected)
      const leaves = ["down", "gate", "up"].map((leaf) => `${leaf}.weight`)
      const names = [...own.trained.keys()].map((one) => one.split(".private.")[1]!)
      expect(names.toSorted()).toEqual(
        [...leaves, ...(gate === "joint" ? ["weigh_own", "weigh_shared"] : [])].toSorted(),
      )
      for (const [name, variable] of shared.parameters) expect(own.parameters.get(name)).toBe(variable)

      // At first the output matrix and both vectors of the gate have gradients; those that it hides follow.
      const { byName } = await lossAndGradients(own)
      expect([...byName.keys()].toSorted()).toEqual([...own.trained.keys()].toSorted())
      const moved = (of: ReadonlyMap<string, ReadonlyArray<number>>) =>
        [...of].flatMap(([name, g]) => (g.some((x) => x !== 0) ? [name.split(".private.")[1]!] : [])).toSorted()
      expect(moved(byName)).toEqual(["down.weight", ...(gate === "joint" ? ["weigh_own", "weigh_shared"] : [])])
      for (const [name, g] of byName)
        tf.tidy(() => {
          const variable = own.trained.get(name)!
          variable.assign(tf.sub(variable, tf.mul(tf.tensor(g, variable.shape), 0.1)))
        })
      expect(moved((await lossAndGradients(own)).byName)).toEqual(names.toSorted())
      own.release()
      shared.dispose()
      expect(tf.memory().numTensors).toBe(before)
    })

    test("its gradients are those of finite differences", async () => {
      const shared = initialiseHead(await instanceOf(use), target, 1)
      const own = withPrivateHead(shared, await instanceOf(await withPart(use, gate)), 5)
      stir(own, 7)
      const { byName } = await lossAndGradients(own)
      for (const [name, variable] of own.trained) {
        const values = Float32Array.from(variable.dataSync())
        const at = values.length >> 1
        const lossAt = async (x: number) => {
          tf.tidy(() => variable.assign(tf.tensor(values.with(at, x), variable.shape)))
          return (await lossAndGradients(own)).loss
        }
        const step = 1e-2
        const slope = ((await lossAt(values[at]! + step)) - (await lossAt(values[at]! - step))) / (2 * step)
        await lossAt(values[at]!)
        expect(Math.abs(slope - byName.get(name)![at]!)).toBeLessThan(2e-3 + 0.02 * Math.abs(slope))
      }
      own.release()
      shared.dispose()
    })

    test("saved whole, and beside a shared file, it opens as itself; another shared part is refused", async () => {
      const before = tf.memory().numTensors
      const shared = initialiseHead(await instanceOf(use), target, 1)
      const withIt = await withPart(use, gate)
      const head: HeadInstance = await instanceOf(withIt)
      const own = withPrivateHead(shared, head, 5)
      stir(own, 9)
      const options = (await run(withIt.decoded)) as object
      const dir = (of: string) => join(folder, `${name}-${gate}-${of}`)
      await run(saveHead(shared, (await run(use.decoded)) as object, dir("shared")))
      await run(saveHead(own, options, dir("whole")))
      await run(savePrivateHead(own, options, dir("alone")))
      await run(placePrivateHead(dir("alone"), dir("law"), dir("shared")))
      expect(readdirSync(dir("law")).toSorted()).toEqual(["head.json", "private.safetensors"])
      for (const of of ["whole", "law"]) {
        const again = await run(loadHead(dir(of), head, target))
        expect(rowsOf(again)).toEqual(rowsOf(own))
        again.dispose()
      }
      const other = initialiseHead(await instanceOf(use), target, 2)
      await run(saveHead(other, (await run(use.decoded)) as object, dir("shared")))
      expect(String(await run(Effect.flip(loadHead(dir("law"), head, target))))).toContain(
        "was trained beside another head than",
      )
      rmSync(dir("shared"), { recursive: true })
      expect(String(await run(Effect.flip(loadHead(dir("law"), head, target))))).toContain("shared")
      for (const one of [own, shared, other]) one.dispose()
      expect(tf.memory().numTensors).toBe(before)
    })
  })

test("a head with another private part, and one without any, are refused", async () => {
  const shared = initialiseHead(await instanceOf(eagle()), target, 1)
  const [three, four] = await Promise.all(
    [3, 4].map(async (size) => instanceOf(await withPart(eagle(), "joint", size))),
  )
  const own = withPrivateHead(shared, three!, 1)
  expect(() => withPrivateHead(own, four!, 1)).toThrow("the head has another one")
  const further = withPrivateHead(own, three!, 1)
  expect([...further.trained.values()]).toEqual([...own.trained.values()])
  expect(medusa().privateOptions).toBeUndefined()
  own.release()
  shared.dispose()
})
