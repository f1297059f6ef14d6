/**
 * Every statistic of the table: its three forms agree, its values are in its range, and its line in the docs is true.
 */
import { describe, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { seeded } from "@winnow/numerics"
import { headStatistics, native, tf } from "@winnow/tensor"
import { Categorical } from "../categorical.ts"
import { extremeLogits, logitsWithZeros, randomFilterInput, randomLogits } from "../contract/random-batches.ts"
import type { SparseTarget } from "../sparse-target.ts"
import type { ModelRole, OwnStatistic, PartForm } from "./statistic.ts"
import { modelsRead, readsModel, type Statistic, statisticNames, statistics } from "./table.ts"

const [R, V] = [24, 37]
const roles: ReadonlyArray<ModelRole> = ["draft", "target", "reference"]
const own = statisticNames.flatMap((name) => {
  const entry = statistics[name]
  return entry.lossOf === undefined ? [entry as OwnStatistic] : []
})

const logSoftmax = (z_V: Float64Array) => {
  const largest = z_V.reduce((a, b) => Math.max(a, b))
  const logSum = largest + Math.log(z_V.reduce((sum, z) => sum + Math.exp(z - largest), 0))
  return z_V.map((z) => z - logSum)
}

const kinds: Record<string, (rng: ReturnType<typeof seeded>) => Float32Array> = {
  "alike, of moderate size": (rng) => randomLogits(R, V, 3, rng),
  "extreme, -50 or 50": (rng) => extremeLogits(R, V, rng),
  "with probabilities of 0": (rng) => logitsWithZeros(R, V, rng),
  flat: () => new Float32Array(R * V),
}
/** The ends of ranges that depend on the vocabulary. */
const bounds = (V: number): Readonly<Record<string, number>> => ({ "log V": Math.log(V), "V - 1": V - 1 })
const gold_N = Int32Array.from({ length: R }, (_, r) => (r * 7) % V)

const problem = (kind: string) => {
  const logits = Object.fromEntries(roles.map((role) => [role, kinds[kind]!(seeded(5, kind, role))])) as {
    [M in ModelRole]: Float32Array
  }
  const rows = Array.from({ length: R }, (_, r) => ({
    ...(Object.fromEntries(
      roles.map((role) => [role, logSoftmax(Float64Array.from(logits[role].subarray(r * V, (r + 1) * V)))]),
    ) as { [M in ModelRole]: Float64Array }),
    gold: gold_N[r]!,
  }))
  return { logits, rows }
}

/** The values of the result of `run`, whose tensors are freed. */
const read = (run: () => tf.Tensor): Float32Array => {
  let values: Float32Array | undefined
  tf.tidy(() => {
    values = run().dataSync() as Float32Array
  })
  return values!
}
const chunkOf = (logits: { [M in ModelRole]: Float32Array }) => ({
  draft: new Categorical(tf.tensor2d(logits.draft, [R, V])),
  target: new Categorical(tf.tensor2d(logits.target, [R, V])),
  reference: new Categorical(tf.tensor2d(logits.reference, [R, V])),
  gold_R: tf.tensor1d(gold_N, "int32"),
})
/** Rows of a head with an identity matrix: the hidden states are the logits. */
const headRows = (logits: Float32Array) => ({ h_Nd: tf.tensor2d(logits, [R, V]), head_Vd: tf.eye(V) as tf.Tensor2D })

/** Sums over V in single precision; a square root turns an error of 1e-8 at 0 into 1e-4. */
const tolerance = (name: string) => (name === "hellinger_N" ? 1e-3 : 5e-5)
const expectNear = (name: string, found: Float32Array, exact: ReadonlyArray<number>) => {
  for (const [r, x] of exact.entries())
    expect(Math.abs(found[r]! - x) / (1 + Math.abs(x)), `${name}, row ${r}: ${found[r]}, ${x}`).toBeLessThan(
      tolerance(name),
    )
}

for (const kind of Object.keys(kinds))
  describe(`logits that are ${kind}`, () => {
    const { logits, rows } = problem(kind)
    for (const { name, range, definition, plain, native: form, from } of own) {
      const exact = rows.map(definition)
      test(`${name}: all forms agree, and are in the range`, () => {
        const before = tf.memory().numTensors
        const found = [read(() => plain(chunkOf(logits)))]
        const library = native()
        if (library !== undefined && form !== undefined)
          tf.tidy(() => {
            const sides = Object.fromEntries(roles.map((role) => [role, headRows(logits[role])]))
            const answers = headStatistics(library, { ...sides, gold_N, ask: form.ask })
            found.push(form.of === undefined ? answers[form.ask[0]!] : form.of(answers))
          })
        const to = bounds(V)[range.to] ?? (range.to as number)
        for (const values of [...found, Float32Array.from(exact)]) {
          expectNear(name, values, exact)
          expect(values).toHaveLength(R)
          for (const x of values) {
            expect(Number.isFinite(x)).toBe(true)
            expect(x).toBeGreaterThanOrEqual(range.from - 1e-5)
            expect(x).toBeLessThanOrEqual(to + 1e-5)
            if (range.whole) expect(Number.isInteger(x)).toBe(true)
          }
        }
        expect(tf.memory().numTensors).toBe(before)
      })
      for (const [part, forms] of Object.entries(from ?? {}) as Array<[SparseTarget["kind"], PartForm]>)
        test(`${name} from ${part}: as from the whole target`, () => {
          const [k, library] = [5, native()]
          const sorted = rows.map(({ target }) =>
            Array.from(target.keys())
              .sort((a, b) => target[b]! - target[a]! || a - b)
              .slice(0, k),
          )
          const logP = rows.flatMap(({ target }, r) => sorted[r]!.map((v) => target[v]!))
          const cached = {
            kind: part,
            k,
            ids_Nk: Int32Array.from(sorted.flat()),
            logP_Nk: Float32Array.from(logP),
            p_Nk: Float32Array.from(logP, Math.exp),
            tail_N: Float32Array.from(
              rows,
              ({ target }, r) => 1 - sorted[r]!.reduce((s, v) => s + Math.exp(target[v]!), 0),
            ),
          }
          const plain = read(() =>
            forms.plain({
              ...chunkOf(logits),
              sparse: {
                kind: part,
                ids_Rk: tf.tensor2d(cached.ids_Nk, [R, k], "int32"),
                weight_Rk: tf.tensor2d(cached.p_Nk, [R, k]),
                logP_Rk: tf.tensor2d(cached.logP_Nk, [R, k]),
                tail_R: tf.tensor1d(cached.tail_N),
              },
            }),
          )
          expectNear(name, plain, exact)
          if (library !== undefined)
            tf.tidy(() => {
              const answers = headStatistics(library, {
                draft: headRows(logits.draft),
                reference: headRows(logits.reference),
                gold_N,
                ask: forms.native.ask,
              })
              expectNear(name, forms.native.of(answers, cached), exact)
            })
        })
    }
  })

test("names are unique, end in _N, and every statistic reads a model", () => {
  expect(new Set(statisticNames).size).toBe(statisticNames.length)
  for (const name of statisticNames) {
    expect(name).toMatch(/^[a-z][A-Za-z]*_N$/)
    expect(statistics[name].name).toBe(name)
    expect(roles.some((role) => readsModel(name, role))).toBe(true)
    expect(statistics[name].about.length).toBeLessThan(70)
  }
})

test("the models that a pass runs: those that are read, and the target for the active loss where the loss compares to it", () => {
  const of = (names: ReadonlyArray<Statistic>, target: boolean) => [...modelsRead(names, { target })].sort()
  expect(of([], true)).toEqual([])
  expect(of(["draftLoss_N", "referenceLoss_N"], true)).toEqual(["draft", "reference", "target"])
  expect(of(["draftLoss_N", "referenceLoss_N"], false)).toEqual(["draft", "reference"])
  expect(of(["draftNll_N"], true)).toEqual(["draft"])
  expect(of(["agreement_N"], false)).toEqual(["draft", "target"])
})

test("random inputs of filters have every statistic in its range, and one more changes no other", () => {
  const input = randomFilterInput(200, 3)
  for (const name of statisticNames) {
    const { from, to, whole } = statistics[name].range
    const values = [...input[name]]
    expect(Math.min(...values)).toBeGreaterThanOrEqual(from)
    expect(Math.max(...values)).toBeLessThanOrEqual(bounds(50)[to] ?? (to as number))
    if (whole) expect(values.every(Number.isInteger)).toBe(true)
    expect(new Set(values).size).toBeGreaterThan(whole ? 1 : 199)
  }
})

test("the table of docs/plugins.md is this one", () => {
  const page = readFileSync(join(import.meta.dir, "../../../../docs/plugins.md"), "utf8")
  const cells = page
    .split("\n")
    .filter((line) => /^\| `\w+_N`/.test(line))
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
    // The values of scores have a table of two columns.
    .filter((row) => row.length === 3)
  const needs = (name: Statistic) => {
    const models = (["reference", "target"] as const).filter((role) => readsModel(name, role)).map((m) => `a ${m}`)
    if (statistics[name].lossOf !== undefined) models.push("what the loss needs")
    return models.join(", and ")
  }
  expect(cells).toEqual(statisticNames.map((name) => [`\`${name}\``, statistics[name].about, needs(name)]))
})
