/** Wrong experiments are refused, and doubtful ones noted, before any work. */
import { describe, expect, test } from "bun:test"
import { join } from "node:path"
import { defineFilter, defineLoss, defineService, shuffled } from "@winnow/core"
import { tf } from "@winnow/tensor"
import { type } from "arktype"
import { Context, Effect, Layer } from "effect"
import faulty from "../../test/faulty-experiment.ts"
import { runDistillation } from "../../test/run-distillation.ts"
import { behind, everything, squares, tiny } from "../../test/tiny.ts"
import { arm, type Experiment } from "../experiment/define.ts"
import { resolve } from "../experiment/resolve.ts"
import { workers } from "../launch/workers.ts"
import { budget, layers, newHome, none, notesOf, refusal, untyped, withArm } from "./preflight.fixture.ts"
import { tryPlugins } from "./try-plugins.ts"

describe("plugins", () => {
  const filter = (select: unknown, needs: ReadonlyArray<"draftLoss_N"> = []) =>
    defineFilter({ name: "mine", needs, options: none, make: () => untyped<() => Uint8Array>(select) })()
  const scalar = defineLoss({
    name: "scalar",
    target: true,
    options: none,
    make: () => ({ value: ({ draft, target }) => tf.mean(tf.sub(draft.p_RV(), target.p_RV())) as never }),
  })

  test("a loss that returns a scalar is refused with its arm, what it returned and what was expected", async () => {
    const message = await refusal(withArm({ loss: scalar() }))
    expect(message).toStartWith(
      "experiment tiny, tried on a small random batch: arms.mine: loss scalar: value returned a ",
    )
    expect(message).toContain("tensor of shape []; expected a float32 tensor of shape [64]")
  })

  test("one error lists every fault, also of references and of the capacity run", async () => {
    const experiment = withArm({ filter: filter(({ N }: { N: number }) => new Array(N).fill(1)) })
    const reference = { ...tiny.reference!, loss: scalar() } as NonNullable<Experiment["reference"]>
    const capacity = arm({ filter: filter(async () => new Uint8Array(1)), loss: squares(), ...budget })
    const { capacity: _, ...rest } = { ...experiment, reference, capacity }
    const message = await refusal(rest)
    expect(message).toContain("arms.mine: filter mine: returned a plain array of 48")
    expect(message).toContain("the reference of arms.behind: loss scalar: value returned")
    expect(await refusal({ ...tiny, capacity })).toContain("capacity: filter mine: returned a Promise")
  })

  test("statistics that are misspelt or undeclared are named, with the one that was meant", async () => {
    const read = (name: string) => filter((input: Record<string, Float32Array>) => input[name]!.map(() => 1))
    expect(await refusal(withArm({ filter: read("draftLos_N") }))).toContain(
      "did you mean draftLoss_N? Add draftLoss_N to its needs",
    )
    expect(await refusal(withArm({ filter: read("draftLoss_N") }))).toContain(
      "reads draftLoss_N, which its needs do not list",
    )
  })

  test("a fused form of another loss than the plugin's is refused if the native head would train it", async () => {
    const copied = defineLoss({
      name: "copied",
      target: true,
      options: none,
      make: () => ({
        fused: { form: "kl", temperature: 1, factor: 1 },
        value: ({ draft, target }) => tf.sum(tf.squaredDifference(draft.p_RV(), target.p_RV()), 1),
      }),
    })
    const { native } = await import("@winnow/tensor")
    if (native() === undefined) return
    expect(await refusal(withArm({ loss: copied() }))).toContain(
      'arms.mine: loss copied: its fused form "kl" gives a loss of',
    )
  })

  test("a filter that needs a service is not tried, and a note says so", async () => {
    class Judge extends Context.Service<Judge, { readonly likes: (id: number) => boolean }>()("test/Judge") {}
    const judged = defineFilter({
      name: "judged",
      needs: [],
      services: { judge: Judge },
      options: none,
      make:
        () =>
        ({ gold_N, judge }) =>
          Uint8Array.from(gold_N, (id) => (judge.likes(id) ? 1 : 0)),
    })
    const judge = defineService({
      name: "nobody",
      provides: [Judge],
      options: none,
      make: () => Layer.succeed(Judge, { likes: () => false }),
    })
    const experiment = { ...withArm({ filter: judged() }), services: { judge: judge() } }
    const resolved = await Effect.runPromise(resolve(experiment))
    expect(await Effect.runPromise(tryPlugins(resolved))).toEqual([
      "filter judged needs test/Judge and was not tried before the run",
    ])
  })

  test("a filter inside another is tried through it, and a filter of examples by itself", async () => {
    const resolved = await Effect.runPromise(resolve(withArm({ filter: shuffled(behind({ k: 0.3 })) })))
    expect(await Effect.runPromise(tryPlugins(resolved))).toEqual([])
    const nothing = defineFilter({
      name: "nothing",
      of: "examples",
      needs: [],
      options: none,
      make:
        () =>
        ({ E }) =>
          new Uint8Array(E),
    })
    expect(await refusal(withArm({ examples: nothing() }))).toContain(
      "arms.mine: examples nothing: keeps no example; keep at least one",
    )
  })

  test("the trial leaves no tensor", async () => {
    const resolved = await Effect.runPromise(resolve(tiny))
    await Effect.runPromise(tryPlugins(resolved))
    const before = tf.memory().numTensors
    await Effect.runPromise(tryPlugins(resolved))
    expect(tf.memory().numTensors).toBe(before)
  })
})

describe("names", () => {
  const named = (name: string) => ({ ...tiny, arms: { [name]: tiny.arms["all"]! } })
  const message = async (experiment: unknown) =>
    (await Effect.runPromise(Effect.flip(resolve(experiment as Experiment)))).message

  test("an arm's name is refused in one sentence, without the experiment's configuration", async () => {
    for (const name of ["a/b", "All", "a b", "", "ä", "x".repeat(41), "__proto__x"]) {
      const text = await message(named(name))
      expect(text).toStartWith("experiment tiny: arms must be named in lower-case letters, digits and hyphens")
      expect(text.length).toBeLessThan(200)
    }
    expect(await message(named("start"))).toContain("not named start, reference or capacity")
    expect(await message({ ...tiny, arms: JSON.parse('{"__proto__": 1}') })).toContain('(was "__proto__")')
    const inherited = { ...tiny, arms: Object.create(tiny.arms) }
    expect((await message(inherited)).length).toBeLessThan(200)
  })

  test("no refusal prints a whole configuration", async () => {
    const broken: ReadonlyArray<object> = [
      { arms: tiny },
      { arms: [] },
      { target: tiny },
      { draft: tiny },
      { task: tiny },
      { task: everything },
      { reference: tiny },
      { seeds: [tiny] },
      { seeds: Array.from({ length: 1000 }, () => 1) },
      { plugins: tiny },
      { measure: tiny },
      { tokenizer: tiny },
      { name: "x".repeat(10_000) },
      { ["y".repeat(5000)]: 1 },
      { arms: { a: { ...tiny.arms["all"], loss: everything() } } },
      { arms: { a: { ...tiny.arms["all"], filter: everything } } },
      { arms: { a: tiny } },
    ]
    for (const more of broken) {
      const resolved = resolve({ ...tiny, ...more } as Experiment)
      const exit = await Effect.runPromiseExit(Effect.result(resolved))
      if (exit._tag !== "Success") throw new Error(`${Object.keys(more)}: ${String(exit.cause)}`)
      if (exit.value._tag === "Success") continue
      expect(`${Object.keys(more)[0]!.slice(0, 10)}: ${exit.value.failure.message.length > 2500}`).toEndWith("false")
    }
  })

  test("the error tells a plugin that was not called from one of another kind", async () => {
    const text = await message({ ...tiny, arms: { a: { ...tiny.arms["all"], filter: everything } } })
    expect(text).toContain(
      "filter must be a filter plugin with its options: call it, everything({ ... }) (was the plugin itself)",
    )
    expect(await message({ ...tiny, arms: { a: { ...tiny.arms["all"], loss: everything() } } })).toContain(
      "loss must be a loss plugin with its options (was a filter)",
    )
  })

  test("a copy of a plugin with other parts is refused: its key would be that of the plugin", async () => {
    const { instance } = everything()
    const copy = { ...everything(), instance }
    expect(await message({ ...tiny, arms: { a: { ...tiny.arms["all"], filter: copy } } })).toContain(
      "arms.a.filter is a changed copy of filter everything; define a plugin of its own, or give everything other options",
    )
  })

  test("an arm may be called constructor; asking for one that is not there names those that are", async () => {
    const experiment = named("constructor") as Experiment
    expect((await Effect.runPromise(resolve(experiment))).arms.map(({ name }) => name)).toEqual(["constructor"])
    const asked = await Effect.runPromise(Effect.flip(resolve(tiny, { arms: ["constructor"] })))
    expect(asked.message).toContain("no arm named 'constructor'; it has all, behind")
  })

  test("two definitions of one name are refused, with both places", async () => {
    const twin = () =>
      defineFilter({
        name: "twin",
        needs: [],
        options: none,
        make:
          () =>
          ({ N }) =>
            new Uint8Array(N).fill(1),
      })
    const [one, other] = [twin(), twin()]
    const arms = {
      a: arm({ filter: one(), loss: squares(), ...budget }),
      b: arm({ filter: other(), loss: squares(), ...budget }),
    }
    expect(await message({ ...tiny, arms })).toContain(
      "arms.a.filter and arms.b.filter use two different plugins that are both called filter twin; give each its own name",
    )
    const listed = { ...tiny, arms: { a: arms.a }, plugins: [other] }
    expect(await message(listed)).toContain("arms.a.filter and plugins.0 use two different plugins")
    const same = { ...tiny, arms: { a: arms.a, b: { ...arms.b, filter: one() } }, plugins: [one] }
    expect((await Effect.runPromise(resolve(same as Experiment))).arms.length).toBe(2)
  })

  test("seeds that a double does not hold exactly are refused; negative ones are seeds", async () => {
    expect(await message({ ...tiny, seeds: [2 ** 53] })).toContain(
      "an integer between -2^53 and 2^53 (was 9007199254740992)",
    )
    expect(await message({ ...tiny, seeds: [1.5] })).toContain("seeds")
    expect((await Effect.runPromise(resolve({ ...tiny, seeds: [-3] }))).seeds).toEqual([-3])
  })
})

describe("settings that are seldom meant", () => {
  test("an ordinary experiment has no note", async () => {
    expect((await notesOf(tiny)).filter((note) => !note.startsWith("task echo:"))).toEqual([])
  })
  const cases: ReadonlyArray<readonly [what: string, settings: ReadonlyArray<string>, note: string]> = [
    [
      "a warm-up that never ends",
      ["arms.all.optimizer.warmup=30"],
      "arms.all, 6 steps with optimizer.warmup 30, comes to 20 % of 0.003",
    ],
    [
      "the target's too",
      ["target.pretraining.optimizer.warmup=160"],
      "target.pretraining, 80 steps with optimizer.warmup 160, comes to 50 % of 0.01",
    ],
    ["a draft larger than the target", ["draft.start.model.hidden_size=64"], "a draft is meant to be the smaller"],
    [
      "blocks longer than texts",
      ["measure.maxNew=2"],
      "measure.gamma: a block of 2 tokens and the target's own is longer than the 2 tokens",
    ],
    [
      "a checkpoint that is never renewed",
      ['arms.behind.reference={"kind":"checkpoint","every":6}'],
      "arms.behind: its reference is renewed every 6 steps, and it has 6",
    ],
  ]
  for (const [what, settings, note] of cases)
    test(what, async () => {
      expect((await notesOf(tiny, ...settings)).join("\n")).toContain(note)
    })

  test("one search over equal rates is refused", async () => {
    const tuned = { ...tiny, sweep: { over: { "optimizer.learningRate": [1e-3, 1e-3] }, prompts: 2 } }
    expect((await Effect.runPromise(Effect.flip(resolve(tuned)))).message).toContain(
      "sweep.over must be optimizer.learningRate with two values or more, all different (was [0.001,0.001])",
    )
  })
})

test("a loss that is flat on the random batch is a note, as it may be meant", async () => {
  const sharp = defineLoss({
    name: "sharp",
    target: true,
    options: type({ "+": "reject" }),
    make: () => ({ value: ({ draft }) => tf.sum(tf.maximum(draft.p_RV(), 1.5), 1) as tf.Tensor1D }),
  })
  expect((await notesOf(withArm({ loss: sharp() }))).join("\n")).toContain(
    "the gradient of loss sharp is 0 on a random batch whose draft is not the target",
  )
})

describe("faults that only real data brings out", () => {
  const file = join(import.meta.dir, "../../test/faulty-experiment.ts")
  const run = (part: "plugins" | "score", jobs: number) => {
    const home = newHome()
    return Effect.flatMap(resolve(faulty[part] as unknown as Experiment), (resolved) =>
      runDistillation(resolved, { slug: "000-faulty", part, results: join(home, "results"), source: { file } }),
    ).pipe(Effect.provide([layers(home), workers(jobs)]))
  }
  for (const jobs of [1, 2])
    test(`in a filter and a loss: the drafts are missing, file and line named, with ${jobs} jobs`, async () => {
      const { record } = await Effect.runPromise(run("plugins", jobs))
      const said = new Map(record.missing.map(({ name, message }) => [name, message]))
      expect([...said.keys()].toSorted()).toEqual(["filtered", "lost"])
      expect(said.get("filtered")).toMatch(
        /^arm filtered, seed 1, step 5: filter late: its function threw TypeError: undefined is not an object .*\(packages\/lab\/test\/faulty-experiment\.ts:\d+\)$/,
      )
      expect(said.get("lost")).toMatch(
        /^arm lost, seed 1, step 1: loss late: value returned a tensor of shape \[\]; expected a float32 tensor of shape \[\d+\]/,
      )
    })

  test("in a score: the run ends as wrong input does", async () => {
    const error = await Effect.runPromise(Effect.flip(run("score", 1)))
    expect(error._tag).toBe("InvalidInput")
    expect(error.message).toMatch(
      /task bad-score: score threw RangeError: no idea what .* is \(packages\/lab\/test\/faulty-experiment\.ts:\d+\)$/,
    )
  })
})
