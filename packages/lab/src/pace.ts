/** The time that a stage will take, by the stages of its kind that the store has. */
import { ownFlops, type Stage, type Work } from "./stage.ts"
import { canonicalJson } from "./store/key.ts"
import type { Manifest } from "./store/manifest.ts"

/** A stage that is this many times smaller gives no pace: its start and end take most of its time. */
const comparable = 20
/** Stages that tell a pace: the newest, as code gets faster. */
const few = 7

/**
 * The lower quartile: other work on the machine only slows a stage down, so its usual time on a machine at rest is among
 * the short ones.
 */
const lowerQuartile = (values: ReadonlyArray<number>): number | undefined =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 4)]

const newest = (manifests: ReadonlyArray<Manifest>): ReadonlyArray<Manifest> =>
  manifests.toSorted((a, b) => b.created.localeCompare(a.created)).slice(0, few)

const isSized = ({ flops, tokens }: Work): boolean => flops !== undefined || tokens !== undefined

/** The size of a stage: FLOPs, else tokens, else one. */
const amountOf = ({ flops, tokens }: Work): number => flops ?? tokens ?? 1

interface Made {
  readonly config?: unknown
  readonly inputs?: ReadonlyArray<{ readonly key: string }>
}

/** Many stages are compared with the same manifests: the texts of these are made once. */
const configs = new WeakMap<object, string>()
const configOf = (made: object): string => {
  const known = configs.get(made) ?? canonicalJson({ config: (made as Made).config ?? null })
  configs.set(made, known)
  return known
}
/** The inputs but the first, which is the model that is measured: target, texts, tokenizer. */
const restOf = (made: object): string =>
  ((made as Made).inputs ?? [])
    .slice(1)
    .map(({ key }) => key)
    .join(" ")

/**
 * Stages without a size, such as measurements, that are most like one: of its settings on the same target and texts, of its
 * settings, of its kind.
 */
const likest = ({ made }: Pick<Stage, "made">, manifests: ReadonlyArray<Manifest>): ReadonlyArray<Manifest> => {
  const [config, rest] = [configOf(made), restOf(made)]
  const same = manifests.filter((other) => configOf(other.made) === config)
  const closest = same.filter((other) => restOf(other.made) === rest)
  return [closest, same, manifests].find((some) => some.length > 0) ?? []
}

/**
 * Seconds that a stage will take.
 *
 * @param manifests of its kind
 * @returns undefined if no stage of the kind has a comparable size
 */
export const secondsLike = (
  stage: Pick<Stage, "made" | "work" | "continues">,
  manifests: ReadonlyArray<Manifest>,
): number | undefined => {
  const { work } = stage
  if (!isSized(work)) return lowerQuartile(newest(likest(stage, manifests)).map(({ seconds }) => seconds))
  const wanted = amountOf(work)
  const sized = manifests.filter(
    ({ summary }) => isSized(summary as Work) && amountOf(summary as Work) * comparable >= wanted,
  )
  const pace = lowerQuartile(
    newest(sized).flatMap(({ seconds, summary }) => {
      const amount = amountOf(summary as Work)
      return amount > 0 ? [seconds / amount] : []
    }),
  )
  // A training that goes on from a shorter one has the rest to do.
  return pace === undefined ? undefined : pace * (stage.continues === undefined ? wanted : ownFlops(stage))
}
