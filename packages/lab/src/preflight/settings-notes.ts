/** Notes, before any work, on settings that are valid and probably a mistake. */
import { parameterCount } from "@winnow/models"
import { type Architectures, draftParameters } from "../architectures.ts"
import { trainingsOf } from "../experiment/places.ts"
import type { Resolved } from "../experiment/resolved.ts"
import type { Training } from "../experiment/training-spec.ts"

/** A training whose steps are a number. */
interface Trained {
  readonly at: string
  readonly training: Training
}

/** The trainings of an experiment whose steps are known; a reference that several arms compare to once. */
const knownTrainings = (resolved: Resolved): ReadonlyArray<Trained> => {
  const seen = new Set<string>()
  return trainingsOf(resolved).flatMap(({ at, training }) => {
    const { steps, batchSize, optimizer } = training
    const key = at.startsWith("the reference") ? JSON.stringify([steps, batchSize, optimizer]) : at
    if (typeof steps !== "number" || seen.has(key)) return []
    seen.add(key)
    return [{ at, training: { ...training, steps } }]
  })
}

/** At most so many places in one line. */
const shown = 4

const listed = (texts: ReadonlyArray<string>): string =>
  texts.length <= shown ? texts.join("; ") : `${texts.slice(0, shown).join("; ")}; and ${texts.length - shown} more`

/** Notes trainings that end before their learning rate reaches its full value. */
const endlessWarmups = (trained: ReadonlyArray<Trained>): ReadonlyArray<string> => {
  const short = trained.filter(({ training: { steps, optimizer } }) => steps < optimizer.warmup)
  if (short.length === 0) return []
  const each = short.map(({ at, training: { steps, optimizer } }) => {
    const reached = Math.round((100 * steps) / optimizer.warmup)
    return `${at}, ${steps} steps with optimizer.warmup ${optimizer.warmup}, comes to ${reached} % of ${optimizer.learningRate}`
  })
  return [
    `the learning rate never gets to its height where training ends within the warm-up: ${listed(each)}; set optimizer.warmup to fewer steps`,
  ]
}

/** Notes draft lengths that are longer than any text. */
const longBlocks = ({ gamma, gammas, maxNew }: Resolved["measure"]): ReadonlyArray<string> => {
  const long = [...new Set([...gammas, gamma])].filter((g) => g >= maxNew).toSorted((a, b) => a - b)
  if (long.length === 0) return []
  return [
    `measure.${long.includes(gamma) ? "gamma" : "gammas"}: a block of ${long.join(", ")} tokens and the target's own is longer than the ` +
      `${maxNew} tokens that a text may have (measure.maxNew), so no block is ever whole; set draft lengths below ${maxNew}`,
  ]
}

/** Notes references of kind `checkpoint` that no training is long enough to renew, once for all points of a search. */
const fixedCheckpoints = ({ placed }: Resolved): ReadonlyArray<string> => [
  ...new Set(
    placed.flatMap(({ arm: { name, steps, reference } }) =>
      reference?.kind === "checkpoint" && typeof steps === "number" && reference.every >= steps
        ? [
            `arms.${name}: its reference is renewed every ${reference.every} steps, and it has ${steps}: it stays the draft's start`,
          ]
        : [],
    ),
  ),
]

const millions = (parameters: number): string => `${(parameters / 1e6).toPrecision(3)}M`

/** The notes on an experiment; needs no data. */
export const settingsNotes = (
  resolved: Resolved,
  architectures: Pick<Architectures, "draft" | "draftHead" | "target">,
): ReadonlyArray<string> => [
  ...(draftParameters(architectures) >= parameterCount(architectures.target)
    ? [
        `the draft has ${millions(draftParameters(architectures))} parameters, the target ${millions(parameterCount(architectures.target))}: a draft is meant to be the smaller, or it costs more than it saves`,
      ]
    : []),
  ...endlessWarmups(knownTrainings(resolved)),
  ...(resolved.acceptance ? longBlocks(resolved.measure) : []),
  ...fixedCheckpoints(resolved),
]

/** Notes steps that take more sequences than the training split has. */
export const batchNotes = (resolved: Resolved, examples: number): ReadonlyArray<string> => {
  const large = knownTrainings(resolved).filter(({ training: t }) => t.batchSize * t.microBatches > examples)
  if (large.length === 0) return []
  const each = large.map(({ at, training: t }) => `${at} takes ${t.batchSize * t.microBatches}`)
  return [
    `the training split has ${examples} examples, so a step has some of them several times over: ${listed(each)}; set batchSize to ${examples} or less`,
  ]
}
