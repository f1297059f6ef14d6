import { expect, test } from "bun:test"
import { both, defineFilter, linear, schedule, shuffled } from "@winnow/core"
import { jsonl } from "@winnow/data/own"
import { type } from "arktype"
import { Effect } from "effect"
import { behind, echo, everything, squares, tiny } from "../../test/tiny.ts"
import { findExperiments, loadExperiment, presetsOf } from "../experiments.ts"
import { buildGraph } from "../graph.ts"
import { runName } from "../record/name.ts"
import { limitOf } from "../record/smoke.ts"
import { inOrder } from "../stage.ts"
import { taskKey, tasksOf, toldTexts } from "../texts.ts"
import { arm, type Experiment } from "./define.ts"
import { fromConfig, resolveConfig } from "./from-config.ts"
import { limited } from "./limit.ts"
import { registryOf } from "./registry.ts"
import { resolve } from "./resolve.ts"
import type { Resolved } from "./resolved.ts"
import { applySettings } from "./settings.ts"
import { artifactOf } from "./start.ts"
import { mixture, plainText, taskText } from "./text.ts"

const run = Effect.runPromise
/** A round trip through JSON, the form of run.json. */
const writtenAndRead = (config: unknown): unknown => JSON.parse(JSON.stringify(config, null, 2))

/** Every experiment of this checkout with its parts and presets, and the experiments of tests. */
const all: ReadonlyArray<readonly [string, Experiment]> = [
  ["tiny", tiny],
  [
    "tiny, tuned, with controls and a long run",
    {
      ...tiny,
      arms: {
        ...tiny.arms,
        "as-much": {
          ...tiny.arms["all"]!,
          steps: { computeOf: "behind" },
          start: artifactOf("reference"),
          reference: tiny.reference!,
        },
        placebo: { ...tiny.arms["behind"]!, filter: shuffled(behind({ k: 0.5 })) },
        moving: {
          ...tiny.arms["behind"]!,
          filter: both(schedule(behind(), { k: linear(1, 0.3, { end: 0.5 }) }), shuffled(behind({ k: 0.9 }))),
        },
      },
      sweep: { over: { "optimizer.learningRate": [0.001, 0.003, 0.01] }, seed: 9, prompts: 3 },
      capacity: arm({ filter: everything(), loss: squares(), steps: 20, batchSize: 4 }),
    },
  ],
  ...(await Promise.all(
    findExperiments().map(async (found) => {
      const presets = [null, ...(await run(presetsOf(found)))]
      const parts = await Promise.all(presets.map((preset) => run(loadExperiment(found, preset))))
      return parts
        .flat()
        .map(({ part, preset, experiment }) => [`${found.slug}, part ${part}, preset ${preset}`, experiment] as const)
    }),
  ).then((each) => each.flat())),
]

/** The graph for texts with a made-up hash: no data set is needed. */
const graphOf = (resolved: Resolved) => {
  const hashes = tasksOf(resolved).map(({ name }) => ({ train: name, validation: name, test: name }))
  return buildGraph(resolved, toldTexts(resolved, hashes))
}

for (const [name, experiment] of all)
  test(`${name}: rebuilt from its config it has the same config and the same stages`, async () => {
    const first = await run(resolve(experiment))
    const config = writtenAndRead(first.config)
    const again = await run(Effect.flatMap(fromConfig(config, registryOf(experiment)), (rebuilt) => resolve(rebuilt)))
    expect(JSON.stringify(writtenAndRead(again.config))).toBe(JSON.stringify(config))
    expect(again.arms.map((arm) => arm.name)).toEqual(first.arms.map((arm) => arm.name))
    const [one, other] = [await run(graphOf(first)), await run(graphOf(again))]
    const stages = ({ trials, leaves }: typeof one) =>
      inOrder([...trials, ...leaves]).map(({ label, key }) => [label, key])
    expect(stages(other)).toEqual(stages(one))
    expect(stages(one).length).toBeGreaterThan(10)
  })

test("a smoke run is rebuilt as one, with a name of its own; an experiment cannot call itself one", async () => {
  const short = limited(tiny, 2)
  const first = await run(resolve(short, { limit: 2 }))
  const again = await run(resolveConfig(writtenAndRead(first.config), registryOf(tiny)))
  expect(again.config).toEqual(first.config)
  expect(limitOf(again.config)).toBe(2)
  const whole = await run(resolve(short))
  expect(limitOf(whole.config)).toBe(null)
  expect(runName(first, await run(graphOf(first)))).not.toBe(runName(whole, await run(graphOf(whole))))
  expect((await run(Effect.flip(resolve({ ...tiny, limit: 2 } as Experiment)))).message).toContain(
    "limit must be removed",
  )
})

test("a config that names an unknown plugin is refused with a list of known ones", async () => {
  const { config } = await run(resolve(tiny))
  const registry = new Map([...registryOf(tiny)].filter(([key]) => key !== "filter behind"))
  const { message } = await run(Effect.flip(fromConfig(config, registry)))
  expect(message).toBe(
    'the config of the run: no filter "behind" here; there are everything, shuffled, shuffled-within, schedule, both (add others to the experiment\'s plugins)',
  )
  expect((await run(Effect.flip(fromConfig({ name: "x" }, registry)))).message).toContain("has no arms")
})

test("a run of some arms is rebuilt, its search over paths of the others too, with the families of its plugins", async () => {
  const searched: Experiment = { ...tiny, sweep: { over: { "filter.k": [0.25, 0.5], steps: [2, 3] }, seed: 9 } }
  const { config } = await run(resolve(searched, { arms: ["all"] }))
  const again = await run(resolveConfig(writtenAndRead(config), registryOf(searched), searched.plugins))
  expect(again.arms.map(({ name }) => name)).toEqual(["all"])
  expect(again.config).toEqual(config)
  expect(again.families.map(({ plugin }) => plugin)).toEqual(["llama"])
  const { plugins } = tiny
  const bare = {
    ...config,
    target: { kind: "folder", path: "/nowhere" },
    draft: { start: { kind: "folder", path: "/nowhere" } },
  }
  const families = async (of?: typeof plugins) =>
    (await run(resolveConfig(writtenAndRead(bare), registryOf(searched), of))).families
  expect(await families()).toEqual([])
  expect((await families(plugins)).map(({ plugin }) => plugin)).toEqual(["llama"])
})

test("options that are called as a kind of plugin are values", async () => {
  const odd = defineFilter({
    name: "odd",
    needs: [],
    options: type({ "+": "reject", examples: "number", score: "string", model: { size: "number" } }),
    make:
      () =>
      ({ N }) =>
        new Uint8Array(N).fill(1),
  })
  const options = { examples: 5, score: "high", model: { size: 3 } }
  const one = arm({ filter: odd(options), loss: squares(), steps: 2, batchSize: 4 })
  const experiment: Experiment = { ...tiny, arms: { one } }
  const { config } = await run(resolve(experiment))
  const again = await run(resolveConfig(writtenAndRead(config), registryOf(experiment)))
  expect(again.arms[0]!.filter.options).toEqual(options)
})

test("an arm, and a part of a text, may have the name of a kind of plugin", async () => {
  const text = mixture({ task: { weight: 1, text: taskText() }, model: { weight: 1, text: plainText(echo()) } })
  const filter = arm({ filter: everything(), loss: squares(), steps: 2, batchSize: 4, text })
  const experiment: Experiment = { ...tiny, arms: { filter } }
  const { config } = await run(resolve(experiment))
  const again = await run(resolveConfig(writtenAndRead(config), registryOf(experiment)))
  expect(again.config).toEqual(config)
  const settings = ['arms.task={"filter":"everything","loss":"squares","steps":3,"batchSize":4}']
  settings.push('arms.filter.text.parts.task={"weight":3,"text":{"kind":"plain"}}', "arms.task.loss=squares")
  const changed = await run(Effect.flatMap(applySettings(experiment, settings), (e) => resolve(e)))
  expect(changed.arms.map(({ name }) => name)).toEqual(["filter", "task"])
  expect(changed.arms[0]!.config["text"]).toMatchObject({ parts: { task: { weight: 3, text: { kind: "plain" } } } })
})

test("a task that several places name is read once, in a run and in its workers", async () => {
  const text = () => plainText(echo({ letters: 20 }))
  const one = arm({ filter: everything(), loss: squares(), steps: 2, batchSize: 4, text: text() })
  const other = {
    ...one,
    text: mixture({ own: { weight: 1, text: plainText(echo()) }, a: { weight: 1, text: text() } }),
  }
  const first = await run(resolve({ ...tiny, arms: { one, other } }))
  const again = await run(resolveConfig(writtenAndRead(first.config), registryOf(tiny)))
  for (const resolved of [first, again])
    expect(tasksOf(resolved).map(taskKey)).toEqual([
      '{"name":"echo","options":{"letters":12}}',
      '{"name":"echo","options":{"letters":20}}',
    ])
})

test("a config names a task of one's own data by its name alone", async () => {
  const experiment = { ...tiny, task: jsonl({ train: "mine.jsonl", prompt: "question" }) }
  const { config } = await run(resolve(experiment))
  const again = await run(resolveConfig(writtenAndRead(config), registryOf(tiny)))
  expect(again.config).toEqual(config)
  expect(again.task.name).toBe("jsonl")
})
