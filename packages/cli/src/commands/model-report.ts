/** Formats the facts of a model folder for people, within 80 columns. */
import { align, wrap } from "@winnow/lab"
import { plural } from "../sized.ts"
import type { ModelAnswer } from "./model-facts.ts"

const width = 80

const whole = (n: number) => n.toLocaleString("en")
const size = (bytes: number): string => {
  const [scale, unit] =
    bytes >= 1e9 ? [1e9, "GB"] : bytes >= 1e6 ? [1e6, "MB"] : bytes >= 1e3 ? [1e3, "kB"] : [1, "bytes"]
  return `${Number((bytes / scale).toPrecision(3))} ${unit}`
}

/** Label and text in two columns, the text wrapped. */
const rows = (pairs: ReadonlyArray<readonly [label: string, text: string]>): ReadonlyArray<string> => {
  const labels = Math.max(...pairs.map(([label]) => label.length))
  return pairs.map(([label, text]) => wrap(text, width, `  ${label.padEnd(labels)}  `))
}

/** A value in a few characters. */
const brief = (value: unknown): string => {
  const text = JSON.stringify(value) ?? "undefined"
  return text.length > 56 ? `${text.slice(0, 53)}...` : text
}

const partNames = ["embedding", "attention", "feed-forward", "norms", "head", "other"] as const

const parameterLines = ({ parameters: { all, tensors }, tiedHead }: ModelAnswer): ReadonlyArray<string> => {
  const parts = partNames.flatMap((part) => {
    const of = tensors.filter((tensor) => tensor.part === part)
    const count = of.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
    const bytes = of.reduce((sum, tensor) => sum + tensor.bytes, 0)
    const dtypes = [...new Set(of.map(({ dtype }) => dtype))].join(", ")
    if (of.length > 0)
      return [[part, whole(of.length), whole(count), `${((100 * count) / all).toFixed(1)} %`, dtypes, size(bytes)]]
    return part === "head" && tiedHead ? [["head", "", "the embedding", "", "", ""]] : []
  })
  const bytes = tensors.reduce((sum, tensor) => sum + tensor.bytes, 0)
  const table = [
    ["parameters", "tensors", "numbers", "share", "in the file", "bytes"],
    ...parts,
    ["all", whole(tensors.length), whole(all), "", "", size(bytes)],
  ]
  return align(table, new Set([0, 4])).split("\n")
}

const memoryRows = ({ memory }: ModelAnswer): ReadonlyArray<readonly [string, string]> => {
  const { weights, decodedWeights, decoding, training } = memory
  const halves = (weights - decodedWeights) / 2
  const ofWeights =
    halves === 0
      ? `${size(weights)} of weights in float32`
      : `${size(decodedWeights)} of weights, their matrices in bfloat16 (${size(weights)} in float32, where more is done than decoding)`
  const empty = memory.process
  const perPosition =
    decoding === null
      ? []
      : [
          `keys and values of ${size(decoding.perPosition)} a position and sequence: ${size(decoding.perPosition * decoding.maxLength)} at ${whole(decoding.maxLength)}`,
          ...(decoding.screen > 0 ? [`${size(decoding.screen)} for greedy choices`] : []),
        ]
  return [
    ["to load", `${size(empty + decodedWeights)}: ${ofWeights}, ${size(empty)} of the process`],
    ...(decoding === null ? [] : [["to decode", `besides ${perPosition.join("; ")}`] as const]),
    [
      "to train",
      `${size(empty + training.parameters + training.activations)}: ${size(training.parameters)} of weights, gradients and moments, about ` +
        `${size(training.activations)} of activations for ${whole(training.tokens)} tokens a batch in rows of ${training.length}`,
    ],
  ]
}

const tokenizerRows = ({
  tokenizer,
  companions,
  vocabularySize,
}: ModelAnswer): ReadonlyArray<readonly [string, string]> => {
  const beside = companions.length === 0 ? [] : [["beside it", companions.join(", ")] as const]
  if (tokenizer.file === null) {
    const { others } = tokenizer
    const otherForms =
      others.length === 0 ? "" : `; ${others.join(" and ")} ${others.length === 1 ? "is" : "are"} not read`
    return [["tokenizer", `no tokenizer.json${otherForms}`], ...beside]
  }
  const { end, rowsWithoutToken, notes } = tokenizer
  const rowsText =
    rowsWithoutToken === 0
      ? "a row of the model for each"
      : rowsWithoutToken > 0
        ? `${plural(rowsWithoutToken, "row")} of the model ${rowsWithoutToken === 1 ? "has" : "have"} no token`
        : `the model has ${whole(vocabularySize)} rows: too few, this tokenizer is of another model`
  return [
    ["tokenizer", `${whole(tokenizer.vocabularySize)} tokens; ${rowsText}`],
    ["end", end === null ? "none is named" : `${end.text} (${end.id})`],
    ...beside,
    ...notes.map((note) => ["note", note] as const),
  ]
}

/** Used keys with their values, then keys without effect by their reason. */
const configLines = ({ config }: ModelAnswer): ReadonlyArray<string> => {
  if (config.length === 0) return ["config.json: the family does not tell what it reads of it"]
  const used = config.filter(({ part }) => part === "used")
  const others = config.filter(({ part }) => part !== "used")
  const groups = [...Map.groupBy(others, ({ why }) => why)]
  const keys = (n: number) => (n === 1 ? "1 key is" : `${n} keys are`)
  return [
    `config.json: ${keys(used.length)} used`,
    wrap(used.map(({ key, value }) => `${key}\u00a0${brief(value)}`).join(", "), width, "  ").replaceAll("\u00a0", " "),
    ...(others.length === 0 ? [] : [`config.json: ${keys(others.length)} ignored`]),
    ...groups.map(([why, keys]) => wrap(`${keys.map(({ key }) => key).join(", ")}: ${why}`, width, "  - ")),
  ]
}

/** The report, without a newline at its end. */
export const modelReport = (facts: ModelAnswer): string => {
  const { reference, family, attends, vocabularySize, headRows, hiddenSize, layers, maxLength, files, notes } = facts
  const predicted = headRows === vocabularySize ? "" : `, of which the head predicts ${whole(headRows)}`
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  const [first] = files
  return [
    ...rows([
      ...(reference === null ? [] : [["reference", reference] as const]),
      ["folder", facts.folder],
      ["family", `${family}, ${attends === "before" ? "a decoder" : "an encoder"}`],
      [
        "sizes",
        `${plural(layers, "layer")} of width ${whole(hiddenSize)}, vocabulary of ${whole(vocabularySize)}${predicted}`,
      ],
      ["positions", whole(maxLength)],
      ["weights", files.length === 1 ? `${first!.name}, ${size(bytes)}` : `${files.length} shards, ${size(bytes)}`],
    ]),
    "",
    ...parameterLines(facts),
    "",
    "Memory (estimates)",
    ...rows(memoryRows(facts)),
    "",
    ...configLines(facts),
    "",
    ...rows(tokenizerRows(facts)),
    ...notes.map((note) => wrap(note, width, "note: ")),
  ].join("\n")
}
