/** The facts of a model folder for `winnow model`: the weights' headers, config.json, the tokenizer beside it. */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { headRowsOf } from "@winnow/core"
import { loadCodec } from "@winnow/data"
import { emptyWorker, knownFamilies, trainingBytes } from "@winnow/lab"
import { hasHeadBias, inspectModel, type ModelFacts, parameterCount, type StoredParameter } from "@winnow/models"
import { Effect } from "effect"
import { namedFolder } from "../model.ts"

/** Tokens of the batch in the estimate of training, and at most of each of its sequences. */
const batch = { tokens: 1024, length: 256 } as const

/** Files of tokenizers in other forms, which are not read. */
const otherTokenizers = ["tokenizer.model", "spiece.model", "vocab.json", "merges.txt", "vocab.txt"] as const

/** Further files beside a model that commands read. */
const companions = ["generation_config.json", "tokenizer_config.json", "chat_template.jinja"] as const

/** The tokenizer beside a model. */
export type TokenizerFacts =
  | {
      readonly file: "tokenizer.json"
      readonly vocabularySize: number
      readonly end: { readonly id: number; readonly text: string } | null
      readonly fingerprint: string
      /** Rows of the model without a token; below 0 if tokens lack rows. */
      readonly rowsWithoutToken: number
      readonly notes: ReadonlyArray<string>
    }
  | {
      readonly file: null
      /** Files of a tokenizer in another form. */
      readonly others: ReadonlyArray<string>
    }

const tokenizerFacts = (dir: string, V: number) =>
  Effect.gen(function* () {
    if (!existsSync(join(dir, "tokenizer.json"))) {
      const others = otherTokenizers.filter((name) => existsSync(join(dir, name)))
      return { file: null, others } satisfies TokenizerFacts as TokenizerFacts
    }
    const { vocabularySize, end = null, fingerprint, notes } = yield* loadCodec(dir)
    const rowsWithoutToken = V - vocabularySize
    return {
      file: "tokenizer.json",
      ...{ vocabularySize, end, fingerprint, rowsWithoutToken, notes },
    } satisfies TokenizerFacts as TokenizerFacts
  })

/** Bytes that a model takes in this process, by use. */
const memoryFacts = ({ architecture, parameters }: ModelFacts) => {
  const count = parameterCount(architecture)
  const { hiddenSize: d, maxLength, cachedNumbers } = architecture
  const U = headRowsOf(architecture)
  const weights = 4 * count
  const numbers = ({ shape }: StoredParameter) => shape.reduce((a, b) => a * b, 1)
  const halves = parameters.reduce((sum, one) => sum + (one.mayStayHalf ? numbers(one) : 0), 0)
  const screen = U * d < 2 ** 17 ? 0 : U * (d + 12)
  const perPosition = cachedNumbers === undefined ? null : 4 * cachedNumbers
  const length = Math.min(batch.length, maxLength)
  return {
    /** The process without any model. */
    process: emptyWorker,
    file: parameters.reduce((sum, { bytes }) => sum + bytes, 0),
    /** In float32. */
    weights,
    /** While the model is frozen: matrices that the file has in bfloat16 stay that. */
    decodedWeights: weights - 2 * halves,
    decoding: perPosition === null ? null : { screen, perPosition, maxLength },
    training: {
      /** Weights, gradients, both moments. */
      parameters: 16 * count,
      activations: trainingBytes(architecture, batch.tokens, length) - 16 * count,
      tokens: batch.tokens,
      length,
    },
  }
}

/**
 * Inspects a model.
 *
 * @param named its folder, or a reference to a repository of a hub
 * @error DataError, InvalidInput for the refusals of the loader and the tokenizer, and as `fetchReference`
 */
export const computeModelFacts = Effect.fnUntraced(function* (named: string) {
  const { folder: dir, reference } = yield* namedFolder(named)
  const facts = yield* inspectModel(dir, yield* knownFamilies)
  const { architecture, parameters, keys, beside, files } = facts
  const { vocabularySize, layers, maxLength, attends, type, head, embedding, notes = [] } = architecture
  const tokenizer = yield* tokenizerFacts(dir, vocabularySize)
  return {
    folder: dir,
    reference,
    family: type,
    attends,
    ...{ vocabularySize, layers, maxLength },
    /** Ids that the head predicts: all, or those of a smaller vocabulary. */
    headRows: headRowsOf(architecture),
    /** Without the column that a bias of the head multiplies. */
    hiddenSize: architecture.hiddenSize - (hasHeadBias(architecture) ? 1 : 0),
    tiedHead: head === embedding,
    parameters: { all: parameterCount(architecture), tensors: parameters },
    memory: memoryFacts(facts),
    config: keys,
    files,
    companions: companions.filter((name) => existsSync(join(dir, name))),
    beside,
    tokenizer,
    notes,
  }
})

/** The answer of `winnow model --json`. */
export type ModelAnswer = Effect.Success<ReturnType<typeof computeModelFacts>>
