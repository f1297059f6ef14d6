/** The stages of the text that a training reads. */
import type { Architecture, Attends, LossUse, TaskUse } from "@winnow/core"
import { ownLossesOf, type ResolvedText, splitText } from "./experiment/text.ts"
import type { Stage } from "./stage.ts"
import type { OwnWriting } from "./stages/distilling.ts"
import { firstTextStage } from "./stages/first-text.ts"
import { mixtureStage } from "./stages/mixture.ts"
import { plainTextStage } from "./stages/plain-text.ts"
import type { BeginModel } from "./stages/start.ts"
import type { Sizes } from "./stages/training.ts"
import { writtenStage } from "./stages/written.ts"
import { taskKey } from "./texts.ts"

/** The text of a training, as a stage with a split "train". */
export interface TrainingText {
  readonly data: Stage
  readonly sizes: Sizes
  /** The part that the draft writes between its steps. */
  readonly own?: OwnWriting
  /** The losses of the parts of a mixture, in order, where one has its own; undefined for the arm's. */
  readonly losses?: ReadonlyArray<LossUse | undefined>
}

/** The stages of the texts of an experiment. */
export interface TextStages {
  readonly tokenizer: Stage
  /** The encoded text of each task, by `taskKey`: the experiment's own is the first. */
  readonly ofTasks: ReadonlyMap<string, TrainingText>
  readonly maxLength: number
}

/**
 * The text of a training.
 *
 * @param shared `target` is left out where it writes no text: `resolve` refuses a target whose own training asks it to write
 * @param begin the model that the training begins with; left out for a fresh model, which writes no text
 */
export const textOf = (
  text: ResolvedText | undefined,
  shared: {
    readonly texts: TextStages
    readonly target?: Stage
    readonly architectures: { readonly target: Architecture<Attends> }
  },
  begin: BeginModel | undefined,
): TrainingText => {
  const { tokenizer, ofTasks, maxLength } = shared.texts
  const { rest, own: byDraft } = splitText(text)
  if (byDraft !== undefined) return { ...textOf(rest, shared, begin), own: { ...byDraft, tokenizer, maxLength } }
  if (rest !== text) return textOf(rest, shared, begin)
  const [own] = ofTasks.values()
  const ofTask = (task: TaskUse | undefined) => (task === undefined ? own! : ofTasks.get(taskKey(task))!)
  if (text === undefined) return ofTask(undefined)
  if (text.kind === "task") {
    const whole = ofTask(text.task)
    if (text.first === undefined) return whole
    return { data: firstTextStage(text, text.first, whole.data), sizes: { ...whole.sizes, examples: text.first } }
  }
  if (text.kind === "plain") {
    const { data, sizes } = ofTask(text.task)
    return { data: plainTextStage(text, data), sizes: { ...sizes, trained: sizes.length - 1 } }
  }
  if (text.kind === "written") {
    const from = ofTask(text.task)
    const writer = text.by === "target" ? { stage: shared.target!, architecture: shared.architectures.target } : begin!
    // One pass over a written text covers the prompts that the setting asks for.
    const examples = text.prompts ?? from.sizes.examples
    return {
      data: writtenStage(text, { ...from, tokenizer, writer, maxLength }),
      sizes: { ...from.sizes, ...(examples !== undefined && { examples }) },
    }
  }
  const read = Object.entries(text.parts).filter(([, { weight }]) => weight > 0)
  const losses = ownLossesOf(text)
  const withLosses = Object.keys(losses).length > 0
  if (read.length === 1 && !withLosses) return textOf(read[0]![1].text, shared, begin)
  const parts = read.map(([, part]) => textOf(part.text, shared, begin))
  const weights = read.map(([, { weight }]) => weight)
  const all = weights.reduce((a, b) => a + b)
  const mean = (of: (sizes: Sizes) => number) =>
    parts.reduce((sum, { sizes }, i) => sum + (of(sizes) * weights[i]!) / all, 0)
  return {
    data: mixtureStage(
      { ...text, parts: Object.fromEntries(read) },
      tokenizer,
      parts.map(({ data }) => data),
    ),
    ...(withLosses && { losses: read.map(([name]) => losses[name]) }),
    sizes: {
      length: mean(({ length }) => length),
      trained: mean(({ trained }) => trained),
      // the artifact has each example of each part once, however often a pass reads it: caches and choices cover these examples
      ...(parts.every(({ sizes }) => sizes.examples !== undefined) && {
        examples: parts.reduce((sum, { sizes }) => sum + sizes.examples!, 0),
      }),
    },
  }
}
