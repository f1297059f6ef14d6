import { expect, test } from "bun:test"
import { Effect } from "effect"
import { behind, everything, squares, tiny } from "../../test/tiny.ts"
import { arm, defineExperiment } from "./define.ts"
import { resolve } from "./resolve.ts"
import { applySettings } from "./settings.ts"
import { ema } from "./spec.ts"

const resolved = (...settings: ReadonlyArray<string>) =>
  Effect.runPromise(Effect.flatMap(applySettings(tiny, settings), (e) => resolve(e)))
const refused = async (...settings: ReadonlyArray<string>) =>
  (await Effect.runPromise(Effect.flip(Effect.flatMap(applySettings(tiny, settings), (e) => resolve(e))))).message

test("a setting changes one value: numbers, lists, options of plugins, plugins by name", async () => {
  const { arms, seeds, config } = await resolved(
    "arms.behind.steps=200",
    "seeds=[1,2,3]",
    "arms.behind.filter.k=0.3",
    "arms.all.filter=behind",
    "arms.all.optimizer.schedule=cosine",
    "arms.all.precision=bfloat16",
    "measure.gammas=[2]",
    "target.model.hidden_size=32",
  )
  expect(seeds).toEqual([1, 2, 3])
  const [all, selective] = arms
  expect(selective!.steps).toBe(200)
  expect(selective!.config["filter"]).toEqual({ name: "behind", options: { k: 0.3 } })
  expect(all!.config["filter"]).toEqual({ name: "behind", options: { k: 0.5 } })
  expect(all!.reference?.kind).toBe("distilled") // The experiment's reference, now that the arm's filter needs one.
  expect(all!.optimizer.schedule).toBe("cosine")
  expect(all!.optimizer.warmup).toBe(2)
  expect([all!.config["precision"], selective!.config["precision"]]).toEqual(["bfloat16", "float32"])
  expect(config["measure"]).toMatchObject({ gammas: [2] })
  expect(config["target"]).toMatchObject({ model: { options: { hidden_size: 32 } } })
})

test("rows and the window of lengths are settings of every training, with their defaults once one is set", async () => {
  const { arms, config } = await resolved(
    "arms.all.batch.rows=packed",
    'arms.behind.batch={"bucket":1}',
    "target.pretraining.batch.bucket=4",
    "reference.batch.rows=packed",
  )
  expect(arms.map(({ config: of }) => of["batch"])).toEqual([
    { rows: "packed", bucket: 16 },
    { rows: "padded", bucket: 1 },
  ])
  expect(config["target"]).toMatchObject({ pretraining: { batch: { rows: "padded", bucket: 4 } } })
  expect(arms[1]!.config["reference"]).toMatchObject({ batch: { rows: "packed", bucket: 16 } })
  expect((await resolved()).arms[0]!.config).not.toHaveProperty("batch")
  expect(await refused("arms.all.batch.rows=flat")).toContain('rows must be "packed" or "padded" (was "flat")')
  expect(await refused("arms.all.batch.bucket=0")).toContain("bucket must be at least 1 (was 0)")
  expect(await refused("arms.all.batch.pack=true")).toContain("arms.all.batch has no pack; it has bucket, rows")
})

test("a filter of filters: put in by name, changed inside, and by its own options", async () => {
  const { arms } = await resolved(
    'arms.all.filter={"name":"shuffled","options":{"of":{"kind":"filter","name":"behind","options":{"k":0.7}}}}',
    "arms.all.filter.of.k=0.2",
    'arms.behind.filter={"name":"both","options":{"of":[{"kind":"filter","name":"behind"},{"kind":"filter","name":"everything"}]}}',
    "arms.behind.filter.of.1=behind",
    "arms.behind.filter.of.1.k=0.9",
    "arms.behind.filter.divideBy=valid",
  )
  const ofBehind = (k: number) => ({ kind: "filter", name: "behind", options: { k } })
  expect(arms.map(({ config }) => config["filter"])).toEqual([
    { name: "shuffled", options: { of: ofBehind(0.2) } },
    { name: "both", options: { of: [ofBehind(0.5), ofBehind(0.9)], divideBy: "valid" } },
  ])
  expect(arms[0]!.reference?.kind).toBe("distilled") // The inner filter reads a reference.
  const shuffled = 'arms.all.filter={"name":"shuffled","options":{"of":{"kind":"filter","name":"behind"}}}'
  expect(await refused(shuffled, "arms.all.filter.of.k=7")).toContain("k must be at most 1 (was 7)")
  expect(await refused(shuffled, "arms.all.filter.of.q=1")).toContain("filter behind: q must be removed; there are k")
  expect(await refused(shuffled, "arms.all.filter.of=everything")).toContain("a filter that reads a reference")
})

test("a reference may be set whole, and an arm added", async () => {
  const { arms } = await resolved(
    'arms.behind.reference={"kind":"checkpoint","every":3}',
    'arms.more={"filter":{"name":"behind","options":{"k":0.1}},"loss":"squares","steps":1,"batchSize":2}',
  )
  expect(arms.map(({ name, reference }) => [name, reference?.kind])).toEqual([
    ["all", undefined],
    ["behind", "checkpoint"],
    ["more", "distilled"],
  ])
})

test("an unknown path is refused with the known ones", async () => {
  expect(await refused("arms.nope.steps=3")).toContain("arms has no nope; it has all, behind")
  expect(await refused("arms.all.stepz=3")).toMatch(/arms\.all has no stepz; did you mean steps\? it has .*steps/)
  expect(await refused("arms.all.filter=best")).toContain('no filter "best" here; there are everything, behind')
  expect(await refused("arms.behind.filter.q=1")).toContain("filter behind: q must be removed; there are k")
  expect(await refused("arms.behind.filter.k=7")).toContain("k must be at most 1 (was 7)")
  expect(await refused("seeds=[]")).toContain("seeds")
  expect(await refused("seeds=[1,1]")).toContain("all different")
  expect(await refused("arms.all.steps=many")).toContain("steps must be a number or an object (was a string)")
  expect(await refused("arms.all.optimizer.speed=1")).toMatch(/has no speed; it has .*learningRate/)
  expect(await refused("tokenizer.kind=letters")).toContain('"byte"')
  expect(await refused("nothing")).toContain("expected path=value")
  expect(await refused("maxLength.x=1")).toContain("maxLength is 16: nothing is inside it")
})

test("a filter that needs a reference is refused by --set in an experiment without one", async () => {
  const { reference: _, ...rest } = tiny
  const without = { ...rest, arms: { all: tiny.arms["all"]! } }
  await Effect.runPromise(resolve(without))
  const swapped = applySettings({ ...without, plugins: [behind] }, ["arms.all.filter=behind"])
  const error = await Effect.runPromise(Effect.flip(Effect.flatMap(swapped, (e) => resolve(e))))
  expect(error.message).toContain("filter behind compares the draft to a reference")
})

test("arms that are asked for and not there are named, an empty name too", async () => {
  const refusal = async (...arms: ReadonlyArray<string>) =>
    (await Effect.runPromise(Effect.flip(resolve(tiny, { arms })))).message
  expect(await refusal("")).toBe("experiment tiny: no arm named ''; it has all, behind")
  expect(await refusal("all", "one", "two")).toBe("experiment tiny: no arm named 'one' or 'two'; it has all, behind")
})

test("an arm name that is none, or a reserved one, is refused", async () => {
  const named = (name: string) => ({ ...tiny, arms: { [name]: tiny.arms["all"]! } })
  const message = async (name: string) => (await Effect.runPromise(Effect.flip(resolve(named(name))))).message
  expect(await message("All")).toContain("lower-case")
  expect(await message("start")).toContain("not named start")
})

test("an experiment whose filter needs a reference does not type-check without one", () => {
  const budget = { steps: 1, batchSize: 1 }
  const { reference: _, arms: __, ...rest } = tiny
  const bare = arm({ filter: behind(), loss: squares(), ...budget })
  const own = arm({ filter: behind(), loss: squares(), reference: ema({ decay: 0.9 }), ...budget })
  const plain = arm({ filter: everything(), loss: squares(), ...budget })
  // @ts-expect-error Property 'reference' is missing
  defineExperiment({ ...rest, arms: { plain, bare } })
  defineExperiment({ ...rest, arms: { plain, own } })
  defineExperiment({ ...rest, arms: { plain, bare }, reference: ema({ decay: 0.9 }) })
  expect(own.reference?.kind).toBe("average")
})

test("names and depths from outside are refused by name, without a look-up on the prototype or an overflow", async () => {
  for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty", "valueOf"]) {
    for (const setting of [
      `${name}.x=1`,
      `${name}=1`,
      `arms.${name}.steps=3`,
      `arms.behind.${name}=1`,
      `arms.behind.filter.${name}=1`,
      `arms.behind.filter=${name}`,
      `arms.behind.filter={"name":"${name}"}`,
      `arms.behind.reference={"kind":"${name}"}`,
      `measure.${name}.x=1`,
      `measure={"${name}":1}`,
    ]) {
      const message = await refused(setting)
      expect(message.length).toBeLessThan(1000)
    }
    await expect(
      Effect.runPromise(Effect.flatMap(applySettings(tiny, []), (e) => resolve(e, { arms: [name] }))),
    ).rejects.toThrow("no arm named")
  }
  expect(({} as Record<string, unknown>)["x"]).toBeUndefined()
  expect(await refused(`${"a.".repeat(10_000)}b=1`)).toContain("a path of 10001 names")
  const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`
  expect(await refused(`seeds=${deep}`)).toContain("nested deeper")
  expect(await refused(`arms.behind.filter={"name":${deep}}`)).toContain("nested deeper")
})

test("numbers that single precision or a double does not hold are refused", async () => {
  for (const [setting, why] of [
    ["arms.all.optimizer.learningRate=1e999", "beyond what a double holds"],
    ["arms.all.optimizer.learningRate=1e-300", "single precision holds"],
    ["arms.all.optimizer.learningRate=1e300", "single precision holds"],
    ["arms.all.optimizer.epsilon=1e-60", "single precision holds"],
    ["arms.all.optimizer.beta2=0.99999999999", "single precision"],
    ["measure.temperature=1e-300", "at least 0.0001"],
    ["measure.temperature=NaN", "temperature"],
    ["seeds=[1e999]", "beyond what a double holds"],
    ["arms.all.steps=1e999", "beyond what a double holds"],
  ] as const)
    expect(await refused(setting)).toContain(why)
})
