/** `winnow logits DIR --ids '[[1,2,3]]'`: the logits of a saved model for these tokens. */
import { decode, headRowsOf, InvalidInput } from "@winnow/core"
import { parseJson } from "@winnow/files"
import { logitsOf } from "@winnow/models"
import { tf } from "@winnow/tensor"
import { type } from "arktype"
import { Console, Effect } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { engine } from "../engine.ts"
import { aModel, familyFlag, namedFolder, notFinite, openModel, withFamilies } from "../model.ts"

/** Token ids, one row a sequence, all of one length. */
const rows = type("(number.integer >= 0)[][]").narrow((ids, ctx) => {
  const T = ids[0]?.length ?? 0
  if (T === 0) return ctx.mustBe("one row of ids or more, none of them empty, such as [[1,2,3]]")
  return ids.every((row) => row.length === T) || ctx.mustBe("rows of one length: the model pads nothing here")
})

/** The answer: logits row-major in [sequences, positions, vocabulary], or rows of a smaller head. */
export interface Logits {
  readonly shape: readonly [number, number, number]
  /** The id of each row of the head, where it predicts some of the ids only. */
  readonly headIds?: ReadonlyArray<number>
  readonly logits: ReadonlyArray<number>
  /** Ignored files and settings of the folder, one sentence each. */
  readonly notes: ReadonlyArray<string>
}

const parseIds = Effect.fnUntraced(function* (text: string) {
  const parsed = yield* Effect.try({
    try: (): unknown => parseJson(text),
    catch: (error) =>
      new InvalidInput({ what: "--ids", problems: [`${(error as Error).message}; give JSON such as [[1,2,3]]`] }),
  })
  return yield* decode("--ids", rows, parsed)
})

/**
 * Loads a model and runs it on token ids.
 *
 * @param named a folder, or a reference to a repository of a hub
 * @param ids JSON, one array a sequence, all of one length
 * @error InvalidInput for ids that are not JSON, ragged, empty, too long or outside the vocabulary, and for a
 * config.json that is not supported
 * @error DataError for a directory without a whole model, or logits that are not finite
 * @error EngineClosed if the tensor engine does not open
 */
export const computeLogits = Effect.fnUntraced(function* (named: string, ids: string) {
  const sequences = yield* parseIds(ids)
  const { folder: directory } = yield* namedFolder(named)
  yield* engine
  const model = yield* openModel(directory)
  const { vocabularySize: V, maxLength, notes = [] } = model.architecture
  const T = sequences[0]!.length
  const outside = sequences.flat().find((id) => id >= V)
  const problems = [
    ...(outside === undefined ? [] : [`${outside} is outside the vocabulary of ${V}: ids are 0 to ${V - 1}`]),
    ...(T <= maxLength ? [] : [`${T} positions, the model has ${maxLength}`]),
  ]
  if (problems.length > 0) return yield* new InvalidInput({ what: "--ids", problems })
  const values = tf.tidy(() => logitsOf(model, tf.tensor2d(sequences, undefined, "int32")).dataSync())
  const wrong = values.findIndex((x) => !Number.isFinite(x))
  const U = headRowsOf(model.architecture)
  if (wrong !== -1) return yield* notFinite(directory, Math.floor(wrong / U) % T, values[wrong]!)
  const some = model.headIds && { headIds: Array.from(model.headIds.id_U) }
  const logits = Array.from(values, nineDigits)
  return { shape: [sequences.length, T, U], ...some, logits, notes } satisfies Logits as Logits
}, Effect.scoped)

/** Nine digits distinguish every float32 from its neighbours; the double's seventeen would double the output. */
const nineDigits = (x: number): number => Number(x.toPrecision(9))

/** The most probable next tokens after each position, for people. */
const summary = (
  ids: ReadonlyArray<ReadonlyArray<number>>,
  { shape, headIds, logits }: Omit<Logits, "notes">,
): string => {
  const [, T, U] = shape
  const line = (b: number, t: number) => {
    const row = logits.slice((b * T + t) * U, (b * T + t + 1) * U)
    const best = row.map((z, u) => ({ z, id: headIds?.[u] ?? u })).sort((x, y) => y.z - x.z)
    const top = best.slice(0, 5).map(({ z, id }) => `${id} (${z.toFixed(3)})`)
    return `sequence ${b}, after ${ids[b]![t]}: ${top.join("  ")}`
  }
  return ids.flatMap((row, b) => row.map((_, t) => line(b, t))).join("\n")
}

/** The command; `--json` prints `{"shape": [...], "logits": [...]}` on one line, notes go to stderr. */
export const logits = Command.make(
  "logits",
  {
    directory: Argument.String("DIR").pipe(Argument.withDescription(aModel)),
    ids: Flag.String("ids").pipe(Flag.withDescription("token ids as JSON, one array a sequence: [[1,2,3]]")),
    json: Flag.Boolean("json").pipe(
      Flag.withDefault(false),
      Flag.withDescription("all logits as JSON; else the five largest at each position"),
    ),
    plugin: familyFlag,
  },
  Effect.fn("logits")(function* ({ directory, ids, json, plugin }) {
    const { notes, ...result } = yield* withFamilies(plugin, computeLogits(directory, ids))
    for (const note of notes) yield* Console.error(`note: ${note}`)
    yield* Console.log(json ? JSON.stringify(result) : summary(JSON.parse(ids), result))
  }),
).pipe(Command.withDescription("Compute the logits of a saved model for token ids"))
