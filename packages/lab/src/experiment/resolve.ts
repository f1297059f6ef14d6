/** Resolves an experiment before any work: fills in every default and checks every option. */
import {
  cut,
  DataError,
  decode,
  type FilterUse,
  InvalidInput,
  type LossUse,
  type ObjectiveUse,
  ofThese,
  reads,
} from "@winnow/core"
import { jsonProblem } from "@winnow/files"
import { type SignalsOptions, signalProblems, usedSignals } from "@winnow/training"
import { Effect } from "effect"
import { familiesOf } from "../families.ts"
import { headProblems } from "../preflight/heads.ts"
import { checkNames } from "../preflight/same-names.ts"
import { defaultAbout } from "./about.ts"
import type { Experiment } from "./define.ts"
import { decodingSettings, hasAcceptance, withoutDecoding } from "./measures.ts"
import { plain, plainSpec } from "./plain-json.ts"
import { atSettings, checkPaths, type Fields, pointsOf, type Settings } from "./points.ts"
import { earlierProblem, scoredProblem, startProblem, textProblem } from "./problems.ts"
import { withPinnedReferences } from "./references.ts"
import type { PlacedArm, Resolved, ResolvedArm, ResolvedReference } from "./resolved.ts"
import { assumed } from "./scored.ts"
import { serviceProblem } from "./services.ts"
import { signalUses } from "./signal-uses.ts"
import { againstOf, armSpec, type draftSpec, experimentSpec, referenceSpec } from "./spec.ts"
import { describeStart, type ResolvedStart } from "./start.ts"
import type { Sweep } from "./sweep.ts"
import { ownLossesOf, type ResolvedText } from "./text.ts"

/** References whose weights change at each step. */
const moves: Readonly<Record<string, string>> = {
  checkpoint: "is the draft itself some steps ago",
  average: "is an average of the draft as it is trained",
}

/** The signals that the filter and the loss read. @error InvalidInput where these signals cannot serve them */
const checkedSignals = (
  what: string,
  spec: {
    readonly filter: FilterUse<unknown>
    readonly loss: LossUse<unknown>
    readonly signals: SignalsOptions
    readonly objective?: ObjectiveUse
    readonly text?: ResolvedText | undefined
  },
  reference: ResolvedReference | undefined,
): Effect.Effect<SignalsOptions, InvalidInput> =>
  Effect.gen(function* () {
    const uses = yield* signalUses(spec)
    const why = reference && moves[reference.kind]
    const more = { ...(why !== undefined && { moves: why }), objective: spec.objective }
    const problems = new Set(uses.flatMap((use) => signalProblems(spec.signals, use, more)))
    if (problems.size > 0) return yield* new InvalidInput({ what, problems: [...problems] })
    return usedSignals(spec.signals, uses)
  })

const where = (place: string) => (error: InvalidInput) =>
  new InvalidInput({ what: `${place}: ${error.what}`, problems: error.problems })

/** An error of a reference, with the name of its experiment. */
const of = (what: string) => (error: InvalidInput | DataError) =>
  error._tag === "InvalidInput"
    ? where(what)(error)
    : new DataError({ message: `${what}: ${error.message}`, cause: error })

/** References whose weights stay the same, so that an arm can begin with them. */
const isFrozen = (reference: ResolvedReference | undefined) =>
  reference !== undefined && !Object.hasOwn(moves, reference.kind)

/** The drafts' start, or the assumed one of its candidates. */
const draftOf = ({ start }: typeof draftSpec.infer): Resolved["draft"] =>
  start.kind === "scored" ? { start: start.among[assumed(start)]!, scored: start } : { start }

/** The parts of an experiment that its arms share. */
interface Common {
  readonly reference?: ResolvedReference | undefined
  readonly draft: Resolved["draft"]
}

/** The start that an arm names: "untrained" becomes the drafts' start without its pretraining. */
const named = (start: typeof armSpec.infer.start, { draft }: Common): ResolvedStart => {
  if (start.kind !== "untrained") return start
  const { pretraining: _, ...untrained } = draft.start.kind === "tuned" ? draft.start.of : draft.start
  return untrained
}

/** One arm with every default, its options checked. */
const resolveArm = Effect.fnUntraced(function* (
  name: string,
  place: string,
  written: unknown,
  common: Common,
): Effect.fn.Return<ResolvedArm, InvalidInput> {
  const decoded = yield* decode<unknown, typeof armSpec.infer>(place, armSpec as never, written)
  const arm = { ...decoded, start: named(decoded.start, common) }
  const experimentReference = common.reference
  yield* arm.filter.decoded.pipe(Effect.mapError(where(place)))
  const needs = reads("reference", arm.filter)
  const fromReference = arm.start.kind === "reference"
  const { examples } = arm
  const chosenBy = examples !== undefined && reads("reference", examples)
  const referenceSpec = needs || chosenBy || fromReference ? (arm.reference ?? experimentReference) : undefined
  const refuse = (...problems: ReadonlyArray<string>) => new InvalidInput({ what: place, problems })
  if (needs && referenceSpec === undefined)
    return yield* refuse(
      `filter ${arm.filter.name} compares the draft to a reference, and neither the arm nor the experiment has one`,
      `set ${name}'s or the experiment's reference to distilled, trained, earlier, checkpoint or average`,
    )
  if (examples !== undefined && examples.needs.statistics.length > 0 && arm.objective !== undefined)
    return yield* refuse(
      `examples ${examples.name} reads statistics of the next token, and the arm has objective ${arm.objective.name}; leave one out`,
    )
  if (chosenBy && !isFrozen(referenceSpec))
    return yield* refuse(
      `examples ${examples.name} compares the draft to a reference before the first step, and ${referenceSpec === undefined ? "the arm has no reference" : `reference ${referenceSpec.kind} is the draft itself then`}; ` +
        "set its or the experiment's reference to distilled or trained",
    )
  if (fromReference && !isFrozen(referenceSpec))
    return yield* refuse(
      `it begins with the reference, and ${referenceSpec === undefined ? "it has no reference" : `reference ${referenceSpec.kind} is no trained model`}; ` +
        "set its or the experiment's reference to distilled or trained",
    )
  if (referenceSpec?.kind === "distilled" && reads("reference", referenceSpec.filter))
    return yield* refuse(
      `its reference is distilled with filter ${referenceSpec.filter.name}, which needs a reference itself; use none`,
    )
  const { target } = arm
  if (target !== undefined && referenceSpec?.kind === "distilled")
    return yield* refuse(
      "it has a target of its own, and its reference is distilled from the experiment's; leave one of the two out",
    )
  const partOfTarget = arm.start.kind === "layers" || (arm.start.kind === "resized" && arm.start.of === "target")
  if (target !== undefined && partOfTarget)
    return yield* refuse(
      `it has a target of its own, and its start, ${describeStart(arm.start)}, is part of the experiment's; begin with another model`,
    )
  for (const loss of [arm.loss, ...Object.values(ownLossesOf(arm.text))])
    yield* loss.decoded.pipe(Effect.mapError(where(place)))
  if (examples !== undefined) yield* examples.decoded.pipe(Effect.mapError(where(place)))
  const reference =
    referenceSpec?.kind === "distilled"
      ? { ...referenceSpec, signals: yield* checkedSignals(`${place}, its reference`, referenceSpec, undefined) }
      : referenceSpec
  const signals = yield* checkedSignals(place, arm, needs ? reference : undefined)
  const config = yield* plainSpec({ ...arm, reference }).pipe(Effect.mapError(where(place)))
  return { ...arm, name, reference, signals, filterNeedsReference: needs, config } as ResolvedArm
})

/** An arm without the fields that resolving adds to it. */
const withoutAdded = ({ name: _, config: __, filterNeedsReference: ___, reference, ...arm }: ResolvedArm) => ({
  ...arm,
  ...(reference && { reference }),
})

/** The fields that settings give an object. The object may lack defaults. */
const decodedFields = (decoded: object, set: Settings): object => {
  const fields = Object.entries(set).flatMap(([path, value]) =>
    typeof value === "object" ? [path.split(".")[0]!] : [],
  )
  return Object.fromEntries(fields.map((field) => [field, (decoded as Readonly<Record<string, unknown>>)[field]]))
}

/** An arm with settings of a search, with every default and the signals that it reads under these settings. */
export const armAt = (
  place: string,
  arm: ResolvedArm,
  set: Settings,
  { draft }: Common,
): Effect.Effect<ResolvedArm, InvalidInput> => {
  const changed = atSettings(arm, set)
  return Effect.map(resolveArm(arm.name, place, withoutAdded(changed), { draft }), (decoded) => ({
    ...changed,
    ...decodedFields(decoded, set),
    signals: decoded.signals,
  }))
}

/** A reference with settings of a search, as `armAt`. */
export const referenceAt = <T extends ResolvedReference>(
  place: string,
  reference: T,
  set: Settings,
): Effect.Effect<T, InvalidInput> => {
  const changed = atSettings(reference, set)
  return Effect.map(decode<unknown, object>(place, referenceSpec as never, changed), (decoded) => ({
    ...changed,
    ...decodedFields(decoded, set),
  }))
}

/** The fields that a search may set in an arm. */
export const ofArms: Fields = { schema: armSpec, own: true }
/** The same in a reference, whose text and target are those of its arm. */
export const ofReferences: Fields = { schema: referenceSpec, own: false }

/**
 * The arms at every point of a search. An arm whose reference is searched appears once for each point of the reference.
 *
 * @error InvalidInput for a search that reaches nothing, and for a point at which an arm or a reference could not be trained
 */
const sweptArms = (what: string, sweep: Sweep, arms: ReadonlyArray<ResolvedArm>, whole: boolean, common: Common) =>
  Effect.gen(function* () {
    const references = arms.flatMap(({ reference }) => reference ?? [])
    // A setting may belong to an arm that is not selected.
    if (whole)
      yield* checkPaths(what, sweep, [
        ...arms.map((arm) => [withoutAdded(arm), ofArms] as const),
        ...references.map((reference) => [reference, ofReferences] as const),
      ])
    const placed: Array<PlacedArm> = []
    for (const arm of arms) {
      const { reference } = arm
      const at = `arms.${arm.name}`
      for (const { name, set } of pointsOf(withoutAdded(arm), sweep, ofArms)) {
        if (name === "") continue
        const tried = yield* armAt(`${what}, ${at} at ${name}`, arm, set, common)
        const waits = tried.start !== arm.start && tried.start.kind === "arm"
        if (waits || (tried.steps !== arm.steps && typeof tried.steps !== "number")) {
          const problem = `at ${name} it waits for another arm, and the order of a search is settled before it; make an arm of each`
          return yield* new InvalidInput({ what: `${what}, ${at}`, problems: [problem] })
        }
        placed.push({ at: `${at} at ${name}`, arm: tried })
      }
      for (const { name, set } of reference ? pointsOf(reference, sweep, ofReferences) : []) {
        if (name === "") continue
        const tried = yield* referenceAt(`${what}, the reference of ${at} at ${name}`, reference!, set)
        yield* plainSpec(tried)
        placed.push({ at: `${at}, its reference at ${name}`, arm: { ...arm, reference: tried } })
      }
    }
    return placed
  })

/**
 * Checks an experiment and fills in its defaults. After all other checks it pins each repository of a hub to its present
 * commit and downloads it.
 *
 * @param options.arms only these
 * @param options.limit steps of `limited`, which cut the experiment: they mark its config
 * @error InvalidInput that names the place, the value there and the possible values
 * @error DataError for a hub that cannot be reached, or refuses
 */
export const resolve = Effect.fn("resolve")(function* (
  experiment: Experiment,
  options: {
    readonly arms?: ReadonlyArray<string>
    readonly seeds?: ReadonlyArray<number>
    readonly limit?: number
  } = {},
): Effect.fn.Return<Resolved, InvalidInput | DataError> {
  const what = `experiment ${typeof experiment?.name === "string" ? cut(experiment.name, 80) : "without a name"}`
  const withSeeds = options.seeds ? { ...experiment, seeds: options.seeds } : experiment
  const spec = yield* decode<unknown, typeof experimentSpec.infer>(what, experimentSpec as never, withSeeds)
  yield* checkNames(what, withSeeds)
  const names = options.arms ?? Object.keys(spec.arms)
  const unknown = names.filter((name) => !Object.hasOwn(spec.arms, name))
  if (unknown.length > 0) {
    const all = Object.keys(spec.arms)
    const problems = [
      `no arm named ${unknown.map((name) => `'${cut(name, 60)}'`).join(" or ")}${ofThese(unknown[0], all, "it has")}`,
    ]
    return yield* new InvalidInput({ what, problems })
  }
  const twice = names.find((name, i) => names.indexOf(name) < i)
  if (twice !== undefined)
    return yield* new InvalidInput({ what, problems: [`arm '${twice}' is selected twice; name it once`] })
  const draft = draftOf(spec.draft)
  const common: Common = { reference: spec.reference, draft }
  const arms: Array<ResolvedArm> = []
  for (const name of names) arms.push(yield* resolveArm(name, `${what}, arms.${name}`, spec.arms[name], common))
  for (const { name, steps } of arms) {
    if (typeof steps === "number") continue
    const other = arms.find((a) => a.name === steps.computeOf)
    if (other !== undefined && typeof other.steps === "number") continue
    const fault = other === undefined ? "is not selected; add it to --arms, or" : "has no number of steps itself;"
    const able = arms.flatMap((a) => (typeof a.steps === "number" ? [a.name] : [])).join(", ")
    const problems = [
      `steps: { computeOf: '${steps.computeOf}' } refers to an arm that ${fault} name one of ${able || "the arms with a number of steps, and select it too"}`,
    ]
    return yield* new InvalidInput({ what: `${what}, arms.${name}`, problems })
  }
  const begun = startProblem(arms)
  if (begun !== undefined)
    return yield* new InvalidInput({ what: `${what}, arms.${begun.arm}.start`, problems: [begun.problem] })
  const capacity = spec.capacity && (yield* resolveArm("capacity", `${what}, capacity`, spec.capacity, common))
  if (
    capacity &&
    (typeof capacity.steps !== "number" || capacity.reference !== undefined || capacity.start.kind === "arm")
  ) {
    const problems = [
      "it is one long run from a start: give a number of steps, a filter without a reference, and no other arm to begin with",
    ]
    return yield* new InvalidInput({ what: `${what}, capacity`, problems })
  }
  const swept = spec.sweep ? yield* sweptArms(what, spec.sweep, arms, options.arms === undefined, common) : []
  const placed: ReadonlyArray<PlacedArm> = [
    ...arms.map((arm) => ({ at: `arms.${arm.name}`, arm })),
    ...swept,
    ...(capacity ? [{ at: "capacity", arm: capacity }] : []),
  ]
  const never = earlierProblem({ draft, placed })
  if (never !== undefined)
    return yield* new InvalidInput({ what: `${what}, the reference of ${never.at}`, problems: [never.problem] })
  const unchosen = scoredProblem(draft, spec.arms, placed)
  if (unchosen !== undefined)
    return yield* new InvalidInput({ what: `${what}, ${unchosen.at}`, problems: [unchosen.problem] })
  const unwritten = textProblem({ target: spec.target, draft, placed })
  if (unwritten !== undefined)
    return yield* new InvalidInput({ what: `${what}, ${unwritten.at}.text`, problems: [unwritten.problem] })
  const listed = yield* Effect.forEach(
    spec.measures ?? [],
    (one): Effect.Effect<unknown, InvalidInput> => (one === "acceptance" ? Effect.succeed(one) : plain(one)),
  )
  const measures = listed.map((one) => JSON.stringify(one))
  const again = measures.findIndex((measure, i) => measures.indexOf(measure) < i)
  if (again >= 0) {
    const problems = [`measures must be all different (${again} is ${measures.indexOf(measures[again]!)} again)`]
    return yield* new InvalidInput({ what, problems })
  }
  const { services = {} } = spec
  for (const { at, arm } of placed) {
    const plugins = [arm, ...(arm.reference?.kind === "distilled" ? [arm.reference] : [])]
    for (const { filter, loss } of plugins) {
      const lacking = serviceProblem(`${what}, ${at}`, [filter, loss], services)
      if (lacking !== undefined) return yield* lacking
    }
  }
  const { reference: _, plugins = [], arms: ___, capacity: ____, about: written, against: _____, ...rest } = spec
  const searching = !hasAcceptance(rest.measures) && spec.sweep === undefined
  const chosen = placed.find(({ arm }) => arm.start.kind === "arm" && arm.start.among !== undefined)
  if (searching && chosen !== undefined) {
    const problems = [
      "it begins with the best of several arms by acceptance, which measures leaves out; set sweep with a measure, or name one arm",
    ]
    return yield* new InvalidInput({ what: `${what}, ${chosen.at}.start`, problems })
  }
  const acceptance = hasAcceptance(rest.measures)
  const decoded = acceptance ? [] : decodingSettings(withSeeds)
  if (decoded.length > 0) {
    const problems = [
      `${decoded.join(", ")}: of acceptance, which measures leaves out; add "acceptance" to measures, or leave ${decoded.length === 1 ? "it" : "them"} out`,
    ]
    return yield* new InvalidInput({ what, problems })
  }
  if (acceptance && rest.study?.judged === "measures") {
    const problems = [
      `study ${rest.study.name} reads measures of models that nothing decodes with; list measures without "acceptance"`,
    ]
    return yield* new InvalidInput({ what, problems })
  }
  const searchedBy = spec.sweep?.by
  if (!acceptance && (searchedBy === "greedyAcceptance" || searchedBy === "expectedAcceptance")) {
    const problems = [
      `${searchedBy}${searchedBy === "greedyAcceptance" ? " (so it is if left out)" : ""} needs what the target accepts, which measures leaves out; search by one of them`,
    ]
    return yield* new InvalidInput({ what: `${what}, sweep.by`, problems })
  }
  if (typeof searchedBy === "object" && searchedBy.task !== undefined) {
    const problems = [
      `measure ${searchedBy.name} fits on texts of its own task, which a search does not read; search by a measure of the experiment's text, such as accuracy`,
    ]
    return yield* new InvalidInput({ what: `${what}, sweep.by`, problems })
  }
  // The run cannot be about an arm outside the selection, because that arm has no figures.
  const named = written !== undefined && names.includes(written) ? { about: written } : {}
  const against = againstOf(spec).filter((name) => names.includes(name))
  const measure = acceptance ? rest.measure : withoutDecoding(rest.measure)
  const compared = { ...named, ...(against.length > 0 && { against }) }
  const config = yield* plainSpec({ ...rest, measure, ...compared }).pipe(Effect.mapError(where(what)))
  const problem = jsonProblem({ ...config, arms: arms.map((a) => a.config) })
  if (problem !== undefined) return yield* new InvalidInput({ what, problems: [problem] })
  const whole = {
    ...rest,
    draft,
    services,
    families: familiesOf(spec, plugins),
    about: named.about ?? defaultAbout(arms),
    against,
    primary: rest.primary ?? "greedy",
    acceptance,
    measures: (rest.measures ?? []).filter((one) => one !== "acceptance"),
    arms,
    capacity,
    placed,
    config: {
      ...(options.limit !== undefined && { limit: options.limit }),
      ...config,
      arms: Object.fromEntries(arms.map((a) => [a.name, a.config])),
      ...(capacity && { capacity: capacity.config }),
    },
  } as Resolved
  const headless = headProblems(whole)
  if (headless.length > 0) return yield* new InvalidInput({ what, problems: [...headless] })
  return yield* withPinnedReferences(whole).pipe(Effect.mapError(of(what)))
})
