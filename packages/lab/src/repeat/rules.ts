/**
 * Rules for comparing two records of one run: the figures that are compared, and how near is near enough.
 *
 * Made by the same code on the same machine, a run gives the same figures to the last digit. Another processor, another
 * variant of the native library or another version rounds otherwise; training is chaotic, so after some hundred steps the
 * weights differ about as another seed's do within the same data, and figures differ by what that changes.
 *
 * Measured with 001-quickstart (arms all-tokens and adaspec, seeds 1 and 2, 200 prompts, about 3700 tested tokens a draft),
 * native products in AVX-512 with bfloat16, in AVX2, and none (TensorFlow's own): the largest change of each figure is in
 * its `why`, for the mean over seeds and for one seed.
 */

/** Fields that a clock, a path or a person decides: in no mode compared. */
export const notCompared: ReadonlyArray<{ readonly path: RegExp; readonly why: string }> = [
  { path: /(^|\.)(seconds|created|timing|speedup\w*|secondsPerCall|tokensPerSecond|reused)\b/, why: "told by a clock" },
  { path: /^(run|experiment|commit|versions|machine|stages|schema)\b/, why: "who made it, not what came out" },
  { path: /^(conclusions|verdict)\b/, why: "words about the figures, those of the clock among them" },
  { path: /^(about|primary)\b/, why: "which of the figures the words are of" },
  { path: /^counts\b/, why: "what the figures follow from, each of which is compared itself" },
  { path: /^missing\[.*\.message$/, why: "may name a folder" },
]

/** How far a figure of another machine or of other code may be from the recorded one. */
export interface Tolerance {
  readonly path: RegExp
  /** exact: equal. absolute and relative: at most `within`. skip: not compared. */
  readonly by: "exact" | "absolute" | "relative" | "skip"
  readonly within?: number
  readonly why: string
}

/** The first that matches a path holds. */
export const tolerances: ReadonlyArray<Tolerance> = [
  {
    path: /^(config|conditions\.(?!\w+Tokens)|question|name|part|preset|baseline|seeds|missing)\b/,
    by: "exact",
    why: "settings, which the repeat has from the record",
  },
  { path: /\.(low|high|cut|floor)$|\.errors\b/, by: "skip", why: "the ends of an interval go with its value" },
  {
    path: /\.passes$/,
    by: "skip",
    why: "valid tokens, which are compared, over those of the data; earlier records have none",
  },
  { path: /^weights\b/, by: "skip", why: "other roundings are other bytes; earlier records have none" },
  { path: /^target\.sample\b/, by: "skip", why: "one text, in which one near tie changes all that follows" },
  { path: /\.key$/, by: "skip", why: "the key of an artifact names the code and the machine" },
  {
    path: /^tuning\..*\.(chosen|atEdge)$|\.learningRate$/,
    by: "skip",
    why: "two rates that are nearly as good may change places; the figures that follow are compared",
  },
  {
    path: /\.(steps|tokensSeen|tokensValid|position|gamma|seeds?)(\[\d+\])?$|[pP]arameters$/,
    by: "exact",
    why: "the data, its order and the models' sizes follow from the settings alone",
  },
  {
    path: /\.(tokensTrained|flops|bytes|tokens)$/,
    by: "relative",
    within: 0.005,
    why: "a filter that compares losses may keep a token more or less of a batch: 0.01 % seen",
  },
  {
    path: /^conditions\.(greedy|sampled)Tokens$|\.(testedTokens|tested)$/,
    by: "relative",
    within: 0.1,
    why: "the target's own texts differ after a near tie, and blocks fall otherwise: 3.5 % of tested tokens seen",
  },
  {
    path: /^target\.(score|sampledScore)$/,
    by: "absolute",
    within: 0.05,
    why: "another target of the same training: 3 points of 200 answers seen",
  },
  { path: /\.seeds\[.*\.expectedAcceptance$/, by: "absolute", within: 0.015, why: "one seed: 0.4 points seen" },
  {
    path: /\.seeds\[.*[aA]cceptance$/,
    by: "absolute",
    within: 0.03,
    why: "one seed, a hard yes or no a token: 1.7 points seen",
  },
  {
    path: /\.seeds\[.*[tT]au$/,
    by: "relative",
    within: 0.08,
    why: "one seed: 5.9 % seen at gamma 8, 4.1 % at gamma 4",
  },
  {
    path: /^differences\[.*, tau\]\.value$/,
    by: "absolute",
    within: 0.1,
    why: "of two means over seeds: 0.03 tokens seen",
  },
  { path: /^differences\[.*\.value$/, by: "absolute", within: 0.02, why: "of two means over seeds: 0.4 points seen" },
  {
    path: /\.expectedAcceptance\.value$/,
    by: "absolute",
    within: 0.01,
    why: "a sum of probabilities, smoother than yes and no: 0.2 points seen",
  },
  {
    path: /\.byPosition\[|\.kept\.|^tuning\./,
    by: "absolute",
    within: 0.04,
    why: "of a part of the tokens, or of one seed: 2.4 points seen",
  },
  { path: /[aA]cceptance\.value$/, by: "absolute", within: 0.02, why: "the mean over seeds: 1.0 points seen" },
  { path: /\.(tau|sampledTau|mbsu)\.value$/, by: "relative", within: 0.05, why: "the mean over seeds: 2.4 % seen" },
  {
    path: /[kK]l(\.value)?$/,
    by: "relative",
    within: 0.12,
    why: "grows where a draft is sure and wrong, and with how sure the target is: 7.0 % of one seed seen, 5.7 % of the mean",
  },
  { path: /^finalLosses\b/, by: "relative", within: 0.4, why: "of the last batch alone: 20 % seen" },
  { path: /.*/, by: "relative", within: 0.05, why: "what has no line of its own" },
]
