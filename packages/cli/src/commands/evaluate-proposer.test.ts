/** `winnow evaluate` with a proposer in the place of a draft. */
import { describe, expect, test } from "bun:test"
import { join } from "node:path"
import { Effect } from "effect"
import { at, refusal, request, texts, withModels, write } from "./evaluate.fixture.ts"
import type { EvaluateRequest } from "./evaluate-record.ts"
import { evaluationReport } from "./evaluate-report.ts"
import { computeEvaluation } from "./evaluate-run.ts"
import { parseTree } from "./tree-flag.ts"

withModels()

describe("a proposer in the place of a draft", () => {
  const { draft: _, ...withoutDraft } = request()
  const withProposer = (proposer: string, changes: Partial<EvaluateRequest> = {}) =>
    Effect.runPromise(
      Effect.scoped(computeEvaluation({ ...withoutDraft, target: at("target"), prompts: texts, proposer, ...changes })),
    )

  test("look-up: the target's own texts, counts as a replay has them, and the record says which proposer", async () => {
    const record = await withProposer("ngram", { maxNew: 30, rounds: 1 })
    expect(record).toMatchObject({
      ...{ schema: 2, draft: null, draftKl: null, parameterRatio: 0 },
      proposer: { name: "ngram", options: { longest: 3, shortest: 1 }, parameters: 0 },
    })
    for (const result of record.results) {
      expect(result).toMatchObject({ estimateAgrees: 3, identity: { identical: 3 } })
      expect(result.mbsu).toBe(result.blockEfficiency)
      expect(result.counts.accepted).toBeGreaterThan(0)
      expect(result.estimated!.acceptance).toEqual(result.decoded.acceptance)
      expect(result.timing!.proposedPerCall).toBeLessThanOrEqual(result.draftLength)
    }
    expect(record.expectedAcceptance!.pooled).toBeWithin(0, 1)
    const report = evaluationReport(record).replaceAll("\n", " ")
    expect(report).toContain("Proposer: ngram with longest 3, shortest 1, no parameters.")
    expect(report).not.toContain("KL of the draft")
  })

  test("a draft that proposes trees: the target's own texts, acceptance by rank, no estimate", async () => {
    const tree = { nodes: 8, width: 3 }
    const asked = { ...withoutDraft, target: at("target"), draft: at("draft"), prompts: texts, tree, draftLengths: [3] }
    const record = await Effect.runPromise(Effect.scoped(computeEvaluation({ ...asked, rounds: 1 })))
    expect(record).toMatchObject({ proposer: { name: "tree", options: { draft: at("draft"), ...tree } }, draft: null })
    const [result] = record.results
    expect(result).toMatchObject({ identity: { identical: 3 }, estimated: null, greedyAcceptanceSource: "decoded" })
    expect(result!.timing!.proposedPerCall).toBeWithin(3, 8.001)
    const report = evaluationReport(record)
    for (const line of report.split("\n")) expect(line.length).toBeLessThanOrEqual(80)
    expect(report).toContain("Acceptance by rank among siblings")
    const fixed = { ...asked, tree: await Effect.runPromise(parseTree("2x1")) }
    await expect(Effect.runPromise(Effect.scoped(computeEvaluation(fixed)))).rejects.toThrow(
      "gamma 3 with a tree of 2 levels",
    )
  })

  test("sampled, by options in JSON, and by the path of a module", async () => {
    const sampling = { temperature: 0.7, draftLengths: [3] }
    const { proposer, results } = await withProposer('{"name":"ngram","options":{"longest":2}}', sampling)
    expect(proposer.options).toEqual({ longest: 2, shortest: 1 })
    const module = join(import.meta.dir, "../../../../plugins/proposer-ngram/src/index.ts")
    const other = await withProposer(`{"name":${JSON.stringify(module)},"options":{"longest":2}}`, sampling)
    expect(other.results[0]!.outputs).toEqual(results[0]!.outputs)
  })

  test("from a file that lies outside of the checkout", async () => {
    const file = write(
      "last-again.ts",
      'import { defineProposer } from "@winnow/core"',
      'import { type } from "arktype"',
      'const options = type({ "+": "reject" })',
      'const propose = ({ text }) => ({ tokens: [text.at(-1)], q: "certain" })',
      "const make = () => ({ deterministic: true, begin: () => ({ propose }) })",
      'export const lastAgain = defineProposer({ name: "last-again", options, make })',
    )
    const { proposer, results } = await withProposer(file, { maxNew: 20 })
    expect(proposer).toEqual({ name: "last-again", options: {}, parameters: 0 })
    for (const result of results) expect(result).toMatchObject({ estimateAgrees: 3, identity: { identical: 3 } })
  })

  const wrong: Record<string, readonly [proposer: string, says: string]> = {
    "no such name": ["ngrams", "leads to no proposer: there are ngram; did you mean ngram?"],
    "an option that there is not": ['{"name":"ngram","options":{"n":3}}', "n must be removed"],
    "no JSON": ["{ngram}", "is no JSON"],
    "another field": ['{"name":"ngram","k":3}', "has a field k"],
    "no file": ["./nowhere.ts", "leads to no proposer"],
    "a module of another kind": [
      join(import.meta.dir, "../../../../plugins/loss-kl/src/index.ts"),
      "exports no proposer; export one made by defineProposer",
    ],
  }
  for (const [name, [proposer, says]] of Object.entries(wrong))
    test(name, async () => expect(withProposer(proposer)).rejects.toThrow(says))

  test("neither and both", async () => {
    expect(await refusal({ proposer: "ngram" })).toContain("found both --draft and --proposer")
    const neither = Effect.runPromise(
      Effect.scoped(computeEvaluation({ ...withoutDraft, target: at("target"), prompts: texts })),
    )
    await expect(neither).rejects.toThrow("found neither --draft nor --proposer")
  })
})
