/** Documents of token pages for tests and for looking: random numbers, and tokens that are hard to show. */
import { seeded } from "@winnow/numerics"
import { mostTokens, noToken, roles } from "./constants.ts"
import { type ArmOnSet, type Piece, packed, type Reading, type TokensDocument, tokensDocument } from "./document.ts"

/** Tokens that break a page that is careless: a closing tag, controls, marks of direction, half a character, spaces. */
export const hardPieces: ReadonlyArray<Piece> = [
  "</script><script>document.title='broken'</script>",
  "<!--",
  "\u0000\u001b[31m",
  "\u202eright",
  { hex: "e282" },
  "\ud83d\ude00",
  "\n",
  "\t",
  "",
  '" onfocus="document.title=1',
  "&amp;",
  "\u2028",
]

const words = " the answer is of number step eggs costs each dollars and then so ten five seven"
  .split(" ")
  .map((w) => ` ${w}`)

/** The size of a document. */
export interface Size {
  readonly texts: number
  /** Of each text. */
  readonly tokens: number
  readonly arms: ReadonlyArray<string>
}

/** A document whose filter keeps the larger half of draft loss minus reference loss, in batches of two texts. */
export const randomDocument = ({ texts, tokens, arms }: Size): TokensDocument => {
  const rng = seeded(1, "tokens")
  const pieces = [...hardPieces, ...words]
  const N = texts * tokens
  const V = pieces.length
  const floats = (n: number, of = () => rng.uniform()) => Float32Array.from({ length: n }, of)
  const ids = (n: number) => Uint32Array.from({ length: n }, () => rng.below(V))
  // The first tokens are the hard ones, each once.
  const tokens_N = Uint32Array.from(ids(N), (id, n) => (n < hardPieces.length ? n : id))
  const reading = (): Reading => {
    const top = ids(N * mostTokens)
    const probabilities = floats(N * mostTokens).map((p, i) => p / 4 / (1 + (i % mostTokens)))
    for (let n = 0; n < N; n++) top[n * mostTokens] = tokens_N[n]!
    return {
      nll: packed(floats(N, () => -Math.log(rng.uniform() + 1e-9))),
      k: mostTokens,
      ids: packed(top),
      probabilities: packed(probabilities),
    }
  }
  const reference = floats(N, () => -Math.log(rng.uniform() + 1e-9))
  const arm = (): ArmOnSet => {
    const role_N = Uint8Array.from({ length: N }, () => rng.below(roles.length))
    const rejected_N = Uint32Array.from(role_N, (role) => (roles[role] === "corrected" ? rng.below(V) : noToken))
    const blocks = Array.from({ length: N }, (_, n) => [n, 2, rng.below(V), rng.below(V)])
    const snapshots = [0, 50, 100].map((step) => {
      const draft = floats(N, () => -2 * Math.log(rng.uniform() + 1e-9))
      const score = draft.map((x, n) => x - reference[n]!)
      const kept = new Uint8Array(N)
      for (let from = 0; from < N; from += 2 * tokens) {
        const batch = score.subarray(from, from + 2 * tokens)
        const border = Float32Array.from(batch).sort()[Math.floor(batch.length / 2)]!
        for (const [n, value] of batch.entries()) kept[from + n] = value >= border ? 1 : 0
      }
      const isBetween = step === 50
      return {
        ...{ step, kept: packed(kept), score: packed(score), note: null },
        statistics: isBetween
          ? {}
          : ({ draftLoss_N: packed(draft), referenceLoss_N: packed(reference) } as Record<string, string>),
        draft: isBetween ? null : reading(),
        acceptance: isBetween ? null : packed(floats(N)),
      }
    })
    return {
      ...{ steps: 100, batchSize: 2, reference: packed(reference), snapshots },
      decoding: {
        gamma: 2,
        role: packed(role_N),
        rejected: packed(rejected_N),
        blocks: packed(Uint32Array.from(blocks.flat())),
      },
    }
  }
  return tokensDocument.assert({
    ...{
      schema: 1,
      run: "0123456789",
      experiment: "000-random",
      question: "Is a < b </title>?",
      seed: 1,
      about: arms.at(-1)!,
    },
    facts: ["random/test", "seed 1"],
    notes: ["The code changed."],
    meanings: { draftLoss_N: "the active loss of the draft", referenceLoss_N: "the active loss of the reference" },
    pieces: { ids: packed(Uint32Array.from(pieces.keys())), texts: [...pieces] },
    sets: [
      {
        ...{
          name: "answers",
          title: "The target's answers",
          note: "Random.",
          tokens: packed(tokens_N),
          target: reading(),
        },
        lengths: Array.from({ length: texts }, () => tokens),
        prompts: Array.from({ length: texts }, () => packed(ids(12))),
        arms: arms.map((name) => ({ ...arm(), name, filter: "adaspec" })),
      },
    ],
  } satisfies TokensDocument)
}
