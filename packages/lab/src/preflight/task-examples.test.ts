/** Examples of a task that cannot serve for training or measuring are refused; odd ones are noted. */
import { describe, expect, test } from "bun:test"
import { join } from "node:path"
import { defineTask } from "@winnow/core"
import { Effect } from "effect"
import { runDistillation } from "../../test/run-distillation.ts"
import { tiny, tinyModel } from "../../test/tiny.ts"
import type { Experiment } from "../experiment/define.ts"
import { resolve } from "../experiment/resolve.ts"
import { fresh } from "../experiment/start.ts"
import { taskText } from "../experiment/text.ts"
import type { ProgressEvent } from "../progress.ts"
import { layers, newHome, none, notesOf, refusal } from "./preflight.fixture.ts"

describe("tasks", () => {
  type Splits = {
    readonly [K in "train" | "validation" | "test"]: ReadonlyArray<readonly [prompt: string, answer: string]>
  }
  const letters = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) => [`${String.fromCharCode(97 + from + i)}:`, "xyz"] as const)
  const sound: Splits = { train: letters(0, 12), validation: letters(12, 4), test: letters(16, 6) }
  const withTask = (
    splits: Partial<Splits>,
    score?: (example: { answer: string }, text: string) => boolean,
  ): Experiment => ({
    ...tiny,
    task: defineTask({
      name: "letters",
      options: none,
      make: () =>
        Effect.succeed({
          examples: (split) => ({ ...sound, ...splits })[split].map(([prompt, answer]) => ({ prompt, answer })),
          ...(score && { score }),
        }),
    })(),
  })
  /** The notes, except the note that an import of this file reads the disk. */
  const notes = async (splits: Partial<Splits>) =>
    (await notesOf(withTask(splits))).filter((text) => !text.includes("imports node:fs")).join("\n")

  test("a sound one has no note", async () => {
    expect(await notes({})).toBe("")
  })

  test("a measured prompt that is trained on is refused, counted and named, the first example shown", async () => {
    expect(await refusal(withTask({ test: letters(10, 6) }))).toBe(
      'task letters: 2 of 6 prompts of the test split are in the train split too, with the same answers; the first: "k:". A prompt that is measured may not be trained on: leave such examples out of the train split',
    )
    expect(await refusal(withTask({ test: [...letters(17, 5), ["A:", "other"]] }))).toContain(
      "1 of 6 prompts of the test split are in the train split too, 0 of them with the same answers",
    )
    const shared = { ...sound, test: letters(10, 6) }
    const onPurpose = defineTask({
      name: "letters",
      options: none,
      make: () =>
        Effect.succeed({
          examples: (split) => shared[split].map(([prompt, answer]) => ({ prompt, answer })),
          sharesPrompts: true,
        }),
    })
    expect((await notesOf({ ...tiny, task: onPurpose() })).join("\n")).toContain(
      'the train split too, with the same answers; the first: "k:". What is measured on them was trained on',
    )
    // nothing is measured on validation here
    expect(await notes({ validation: letters(0, 4) })).toBe("")
  })

  test("a text that one training reads is looked through too", async () => {
    const other = defineTask({
      name: "others",
      options: none,
      make: () => Effect.succeed({ examples: () => letters(15, 5).map(([prompt, answer]) => ({ prompt, answer })) }),
    })()
    const { arms } = withTask({})
    const reading = { ...withTask({}), arms: { ...arms, all: { ...arms["all"]!, text: taskText(other) } } }
    expect(await refusal(reading)).toContain(
      "task letters: 4 of 6 prompts of the test split are in the train split of task others too, with the same answers",
    )
  })

  test("prompts that are nearly trained on are counted", async () => {
    const story = (end: string) => [`One day a hen and a fox went out to see the sea ${end}`, "x"] as const
    expect(await notes({ train: [...sound.train, story("today")], test: [...sound.test, story("again")] })).toBe(
      "task letters: 1 of 7 prompts of the test split are nearly in the train split: one prompt there has four of five of their runs of five words; the first: " +
        '"One day a hen and a fox went out to see the sea again"',
    )
  })

  test("empty answers are counted; a split of them alone is refused", async () => {
    expect(await notes({ train: [...letters(0, 11), ["l:", " "]] })).toContain(
      '1 of 12 answers of the train split are empty (the first is of example 11, "l:")',
    )
    expect(await refusal(withTask({ train: letters(0, 3).map(([prompt]) => [prompt, ""] as const) }))).toContain(
      "task letters: all 3 answers of its train split are empty",
    )
  })

  test("an empty split is refused where it is needed, and only there", async () => {
    expect(await refusal(withTask({ train: [] }))).toContain(
      "task letters: its train split has no examples: there is nothing to train on",
    )
    expect(await refusal(withTask({ test: [] }))).toContain(
      "its test split has no examples: there is nothing to measure on",
    )
    expect(await notes({ validation: [] })).toBe("")
    const tuned = {
      ...withTask({ validation: [] }),
      sweep: { over: { "optimizer.learningRate": [1e-3, 2e-3] }, prompts: 2 },
    }
    expect(await refusal(tuned)).toContain("its validation split has no examples")
  })

  test("more prompts than there are examples are refused before a tokenizer is trained", async () => {
    const asked = { ...withTask({}), measure: { ...tiny.measure, prompts: 7 } }
    expect(await refusal(asked)).toContain(
      "experiment tiny: measure.prompts is 7, the test split has 6 examples; ask for fewer",
    )
    const tuned = { ...withTask({}), sweep: { over: { "optimizer.learningRate": [1e-3, 2e-3] }, prompts: 5 } }
    expect(await refusal(tuned)).toContain("sweep.prompts is 5, the validation split has 4 examples")
  })

  test("text that was read in another encoding is noted", async () => {
    expect(await notes({ test: [...letters(16, 6), ["caf\uFFFD:", "x"]] })).toContain(
      "1 of 7 examples of the test split hold U+FFFD, which stands for bytes that are no UTF-8",
    )
    expect(await notes({ train: [...letters(0, 12), ["\uD800:", "x"]] })).toContain(
      "1 of 13 examples of the train split",
    )
  })

  test("a score that refuses an example's own answer is noted; one that throws is refused", async () => {
    expect((await notesOf(withTask({}, () => false))).join("\n")).toContain(
      "score refuses the own answer of 3 of 3 examples",
    )
    const throws = () => {
      throw new Error("not today")
    }
    expect(await refusal(withTask({}, throws))).toMatch(
      /^task letters: score threw not today \(packages\/lab\/src\/preflight\/task-examples\.test\.ts:\d+\)$/,
    )
  })

  test("a step larger than the training split is noted when the split is read", async () => {
    const events: Array<string> = []
    const home = newHome()
    const experiment = {
      ...withTask({ train: letters(0, 3) }),
      target: fresh(tinyModel(32), { steps: 1, batchSize: 8, optimizer: { learningRate: 0.01, warmup: 5 } }),
    }
    const resolved = await Effect.runPromise(resolve(experiment, { seeds: [1], arms: ["all"] }))
    const report = (e: ProgressEvent) => void (e._tag === "note" && events.push(e.text))
    await Effect.runPromise(
      runDistillation(resolved, { slug: "000-tiny", results: join(home, "results") }).pipe(
        Effect.provide(layers(home, report)),
      ),
    )
    expect(events.join("\n")).toContain(
      "the training split has 3 examples, so a step has some of them several times over: target.pretraining takes 8; draft.start.pretraining takes 4; arms.all takes 4",
    )
  })
})
