/**
 * Pairs of encoders and decoders: the worth of a model's objective, and the cost of a crossing from one to the other.
 *
 * Each table has the four models of a size that saw the same tokens: encoder and decoder with further training of their own
 * objective, and each of them that went on with the other's.
 */
import { type } from "arktype"
import { differenceBetween } from "../record/comparisons.ts"
import { type MeasuresRecord, measuresOf, measuresRun } from "../record/measures-schema.ts"
import { count, listed, reading } from "../record/sentences.ts"
import { writeInterval } from "../table/cells.ts"
import { fewerPredictions, type PairModel, pairArm, pairModels } from "./paired-arms.ts"
import { defineMeasuresStudy, type StudyMeasures } from "./study.ts"
import type { StudyTable, TableColumn, TableFigure } from "./table.ts"

const options = type({
  "+": "reject",
  // The names of the sizes in the arms' names, the smallest first.
  sizes: type("string >= 1").array().atLeastLength(1),
})

/** The four models of the tables, with their heads. */
const four: ReadonlyArray<readonly [PairModel, string]> = [
  ["encoder-more", "encoder"],
  ["decoder-more", "decoder"],
  ["encoder-from-decoder", "enc. from dec."],
  ["decoder-from-encoder", "dec. from enc."],
]

/** The comparisons: a key, a head, its words, and the two models. */
const comparisons: ReadonlyArray<
  readonly [key: string, head: string, name: string, over: PairModel, under: PairModel]
> = [
  ["own", "enc. - dec.", "encoder minus decoder", "encoder-more", "decoder-more"],
  ["encoders", "enc. crossed", "encoder from decoder minus encoder", "encoder-from-decoder", "encoder-more"],
  ["decoders", "dec. crossed", "decoder from encoder minus decoder", "decoder-from-encoder", "decoder-more"],
]

const figureOf = (run: MeasuresRecord, arm: string, key: string): TableFigure | null => {
  const cell = measuresOf(run).rows.find(({ name }) => name === arm)?.cells[key]
  return typeof cell === "object" ? cell : null
}

/** The four models by one measure, a row a size. */
const fourWay = (run: MeasuresRecord, sizes: ReadonlyArray<string>, of: TableColumn): StudyTable => ({
  name: `four-${of.key.replaceAll(" ", "-")}`,
  title: `Four ways: ${of.name}${of.unit === "" ? "" : `, ${of.unit}`}`,
  of: "size",
  notes: ["All four saw the same tokens; ± is half of a 95 % interval over seeds and texts."],
  columns: four.map(([key, head]) => ({ ...of, key, head, name: `${of.name} of ${head}` })),
  rows: sizes.map((size) => ({
    name: size,
    context: false,
    cells: Object.fromEntries(four.map(([key]) => [key, figureOf(run, pairArm(size, key), of.key)])),
  })),
})

/** A difference in one measure as a figure; null without a common seed. */
const differenceOf = (run: MeasuresRecord, size: string, [over, under]: readonly [string, string], key: string) => {
  const found = differenceBetween(run.arms, pairArm(size, over as PairModel), pairArm(size, under as PairModel), key)
  return found === undefined
    ? null
    : { value: found.value, low: found.low, high: found.high, seeds: found.seeds.length }
}

/** The comparisons in one measure, a row a size. */
const crossings = (run: MeasuresRecord, sizes: ReadonlyArray<string>, of: TableColumn): StudyTable => ({
  name: `crossings-${of.key.replaceAll(" ", "-")}`,
  title: `Worth of the objective, cost of a crossing: ${of.name}${of.unit === "%" ? ", points" : of.unit === "" ? "" : `, ${of.unit}`}`,
  of: "size",
  notes: [
    `${of.direction} is better; paired by seed and text.`,
    ...comparisons.map(([, head, name]) => `${head}: ${name}.`),
  ],
  columns: comparisons.map(([key, head, name]) => ({ ...of, key, head, name })),
  rows: sizes.map((size) => ({
    name: size,
    context: false,
    cells: Object.fromEntries(
      comparisons.map(([key, , , over, under]) => [key, differenceOf(run, size, [over, under], of.key)]),
    ),
  })),
})

/** Each model before its further training, and the decoder of as many predictions, by one measure. */
const before = (run: MeasuresRecord, sizes: ReadonlyArray<string>, of: TableColumn): StudyTable => {
  const models = [
    ["encoder", "encoder"],
    ["decoder", "decoder, same tokens"],
    [fewerPredictions, "same predictions"],
  ] as const
  return {
    name: `before-${of.key.replaceAll(" ", "-")}`,
    title: `Before further training: ${of.name}${of.unit === "" ? "" : `, ${of.unit}`}`,
    of: "size",
    notes: ["An encoder predicts its masked tokens, a decoder every token: the last column has the encoder's number."],
    columns: models.map(([key, head]) => ({ ...of, key, head, name: `${of.name} of ${head}` })),
    rows: sizes.map((size) => ({
      name: size,
      context: false,
      cells: Object.fromEntries(models.map(([key]) => [key, figureOf(run, pairArm(size, key), of.key)])),
    })),
  }
}

/** The sentence on one comparison at every size. */
const sentence = (run: MeasuresRecord, sizes: ReadonlyArray<string>, of: TableColumn, at: number): string => {
  const [, , name, over, under] = comparisons[at]!
  const each = sizes.map((size) => {
    const difference = differenceOf(run, size, [over, under], of.key)
    return `${size} ${difference === null ? "-" : writeInterval(difference, { ...of, unit: "" })}`
  })
  const unit = of.unit === "%" ? " in points" : of.unit === "" ? "" : ` in ${of.unit}`
  return `${of.name}${unit}, ${name}: ${each.join("; ")} (${of.direction} is better).`
}

/** "Encoder minus decoder, probe: behind at mini; no difference is shown at nano and micro". */
const reached = (run: MeasuresRecord, sizes: ReadonlyArray<string>, of: TableColumn, at: number): string => {
  const [, , name, over, under] = comparisons[at]!
  const arms = measuresRun(run)
  const concluded = arms.concluded.find(({ key }) => key === of.key)
  const readings = sizes.map((size) => {
    const found = differenceBetween(arms, pairArm(size, over), pairArm(size, under), of.key)
    return { size, reading: found && concluded ? reading({ ...found, of: concluded }, arms.prompts) : "not known" }
  })
  const groups = [...Map.groupBy(readings, (each) => each.reading)].map(
    ([words, all]) => `${words} at ${listed(all.map(({ size }) => size))}`,
  )
  return `${name}, ${of.name}: ${groups.join(", ")}`
}

const report =
  (sizes: ReadonlyArray<string>) =>
  (run: MeasuresRecord, { attends }: StudyMeasures) => {
    const columns = measuresOf(run).columns
    // A measure that asks for no attention is of the states: classification and retrieval.
    const ofStates = columns.filter(({ key }) => attends.get(key) === undefined)
    const ofNext = columns.filter(({ key }) => attends.get(key) === "before")
    const sentences = [
      ...ofStates.map((of) => sentence(run, sizes, of, 0)),
      ...ofNext.map((of) => sentence(run, sizes, of, 2)),
    ]
    const [states] = ofStates
    const [next] = ofNext
    const verdict = [
      ...(states ? [reached(run, sizes, states, 0)] : []),
      ...(next ? [reached(run, sizes, next, 2)] : []),
    ].join("; ")
    return {
      verdict:
        verdict === ""
          ? "No verdict: no measure of states or of the next token."
          : `Verdict: ${verdict}; ${count(run.seeds.length, "seed")}, ${measuresRun(run).scope}.`,
      conclusions: sentences,
      tables: [
        ...columns.map((of) => fourWay(run, sizes, of)),
        ...columns.map((of) => crossings(run, sizes, of)),
        ...columns.map((of) => before(run, sizes, of)),
      ],
    }
  }

/**
 * The study `pair`: tables of encoders and decoders of several sizes from the run's measures. `pairedArms` makes its arms.
 *
 * @param options.sizes the sizes of `pairedArms`
 */
export const pair = defineMeasuresStudy({
  name: "pair",
  from: import.meta.url,
  options,
  make: ({ sizes }) => ({
    pairs: sizes.flatMap((size) =>
      comparisons.map(([, , , over, under]) => [pairArm(size, over), pairArm(size, under)] as const),
    ),
    problems: (arms) => {
      const missing = sizes.flatMap((size) => {
        const lacks = pairModels.map((model) => pairArm(size, model)).filter((name) => !arms.includes(name))
        return lacks.length === 0 ? [] : [`size ${size} has no arms ${lacks.join(", ")}; make arms by pairedArms`]
      })
      return [...new Set(missing)]
    },
    report: report(sizes),
  }),
})
