/** The laws that every score keeps. N states, d hidden size, C classes, M scored tokens. */
import {
  PluginFault,
  randomScoreInput,
  type ScoreContext,
  type ScoreFigures,
  type ScoreInstance,
  type ScoreUse,
  scoreFigures,
  tryScore,
} from "@winnow/core"
import { permutation, seeded } from "@winnow/numerics"
import { instanceOf } from "./instance.ts"
import { lawsOf } from "./law.ts"

type Input = ScoreFigures & ScoreContext

/** Claims of a score beyond the laws of all scores. */
export interface ScoreClaims {
  /** The states times this factor leave the score unchanged, within 1e-6 of its size. */
  readonly scaleInvariant?: boolean
  /** A plain slow form of the score, in double precision: equal within 1e-6 of 1 + the score's size. */
  readonly reference?: (input: Input) => number
}

const near = (a: number, b: number, tolerance = 1e-6) => Math.abs(a - b) <= tolerance * (1 + Math.abs(a))

/** The same states in another order. */
const reordered = (input: Input): Input => {
  const { N, d } = input
  const order = permutation(N, seeded(5, "order"))
  const moved = (values: Int32Array) => Int32Array.from(order, (n) => values[n]!)
  const movedFloats = (values: Float32Array) => Float32Array.from(order, (n) => values[n]!)
  const h_Nd = Float32Array.from({ length: N * d }, (_, i) => input.h_Nd[order[Math.floor(i / d)]! * d + (i % d)]!)
  return {
    ...{ ...input, h_Nd, class_N: moved(input.class_N), sequence_N: moved(input.sequence_N) },
    lensAcceptance_N: movedFloats(input.lensAcceptance_N),
    lensAgreement_N: movedFloats(input.lensAgreement_N),
  }
}

/** Inputs at the edge: none of them may break a score. */
const edges: Readonly<Record<string, () => Input>> = {
  "one class": () => randomScoreInput(2, { C: 1, perClass: 12, d: 4 }),
  "one state a class": () => randomScoreInput(3, { C: 12, perClass: 1, d: 4 }),
  "two states a class": () => randomScoreInput(3, { C: 6, perClass: 2, d: 4 }),
  "two states": () => randomScoreInput(4, { C: 2, perClass: 1, d: 3 }),
  "one dimension": () => randomScoreInput(5, { C: 3, perClass: 8, d: 1 }),
  "more dimensions than states": () => randomScoreInput(6, { C: 2, perClass: 4, d: 20 }),
  "a constant layer": () => {
    const input = randomScoreInput(7)
    return { ...input, h_Nd: input.h_Nd.slice().fill(0.3) }
  },
  "a layer of zeros": () => {
    const input = randomScoreInput(7)
    return { ...input, h_Nd: input.h_Nd.slice().fill(0) }
  },
  "equal states in a class": () => {
    const input = randomScoreInput(8)
    return { ...input, h_Nd: input.h_Nd.map((_, i) => input.class_N[Math.floor(i / input.d)]!) }
  },
  "large states": () => {
    const input = randomScoreInput(9)
    return { ...input, h_Nd: input.h_Nd.map((x) => 1e4 * x) }
  },
}

/**
 * Checks a score with its options against all laws.
 *
 * The laws: a finite number, on problems at the edge too (one class, one state a class, a constant layer, more dimensions
 * than states); no input is written to; only declared figures are read; the same input and generator give the same score;
 * neither the order of the states nor the numbering of the classes changes it, within 1e-6; and the claims hold.
 *
 * @error LawBroken names the law and the case
 */
export const checkScore = async (use: ScoreUse, claims: ScoreClaims = {}): Promise<void> => {
  const law = lawsOf(`score ${use.name}`)
  const score = await instanceOf(use)
  const of = (input: Input, on: string, instance: ScoreInstance = score): number => {
    try {
      return instance.of(input)
    } catch (cause) {
      if (cause instanceof PluginFault) law(cause.rule, false, () => `${on}: ${cause.detail}`)
      throw cause
    }
  }
  try {
    tryScore(score)
  } catch (cause) {
    if (cause instanceof PluginFault) law(cause.rule, false, () => cause.detail)
    throw cause
  }
  const whole = randomScoreInput(11)
  for (const figure of scoreFigures.filter((one) => !score.needs.includes(one))) {
    const without = { ...whole, [figure]: undefined } as unknown as Input
    law("needs", Object.is(of(without, figure), of(randomScoreInput(11), figure)), () => `it depends on ${figure}`)
  }
  for (const [name, make] of Object.entries(edges)) {
    const value = of(make(), name)
    const moved = of(reordered(make()), name)
    law("order", near(value, moved), () => `${name}: ${value}, and ${moved} with the states in another order`)
    const input = make()
    const renumbered = of({ ...input, class_N: input.class_N.map((c) => input.C - 1 - c) }, name)
    law("names", near(value, renumbered), () => `${name}: ${value}, and ${renumbered} with the classes renumbered`)
    const expected = claims.reference?.(make())
    law("reference", expected === undefined || near(value, expected), () => `${name}: ${value}, slowly ${expected}`)
  }
  for (let seed = 20; seed < 24; seed++) {
    const value = of(randomScoreInput(seed), `seed ${seed}`)
    const expected = claims.reference?.(randomScoreInput(seed))
    law(
      "reference",
      expected === undefined || near(value, expected),
      () => `seed ${seed}: ${value}, slowly ${expected}`,
    )
    if (claims.scaleInvariant !== true) continue
    const input = randomScoreInput(seed)
    const scaled = of({ ...input, h_Nd: input.h_Nd.map((x) => 4 * x) }, `seed ${seed}, states times 4`)
    law("scale", near(value, scaled), () => `seed ${seed}: ${value}, and ${scaled} with the states times 4`)
  }
}
