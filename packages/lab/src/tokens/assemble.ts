/** Assembles the data of a token page from the readings of its arms. */
import { DataError, statistics } from "@winnow/core"
import type { Tokenizer } from "@winnow/data"
import { type } from "arktype"
import { Effect } from "effect"
import { datasetName, type Graph, type Measured } from "../graph.ts"
import type { WrittenRun } from "../runs/read-run.ts"
import { noToken } from "./constants.ts"
import { type ArmReadings, packed, type TextSet, type TokensDocument, tokensDocument } from "./document.ts"
import { piecesBy } from "./pieces.ts"

/** The numbers of an array of a document. */
const uint32 = (base64: string): Uint32Array => {
  const bytes = Uint8Array.from(Buffer.from(base64, "base64"))
  return new Uint32Array(bytes.buffer)
}

/** All ids that a page names, ascending. */
const idsOf = (readings: ReadonlyArray<ArmReadings>): Uint32Array => {
  const ids = new Set<number>()
  const add = (base64: string | undefined) => {
    if (base64 !== undefined) for (const id of uint32(base64)) if (id !== noToken) ids.add(id)
  }
  for (const { sets } of readings)
    for (const { tokens, prompts, target, arm } of sets) {
      for (const base64 of [tokens, ...prompts, target?.ids, arm.decoding?.rejected]) add(base64)
      for (const { draft } of arm.snapshots) add(draft?.ids)
      if (arm.decoding) {
        const blocks = uint32(arm.decoding.blocks)
        for (let at = 0; at < blocks.length; at += 2 + blocks[at + 1]!)
          for (const id of blocks.subarray(at + 2, at + 2 + blocks[at + 1]!)) ids.add(id)
      }
    }
  return Uint32Array.from(ids).sort()
}

/** The words above a set of texts. */
const wordsOf = (name: TextSet["name"], { settled, probe }: Graph): Pick<TextSet, "title" | "note"> => {
  const { gamma, temperature } = settled.measure
  if (name === "answers")
    return {
      title: "The target's answers",
      note:
        `The first prompts of ${datasetName(settled)}, and the target's greedy text. Verdicts are of greedy decoding with the trained ` +
        `draft, gamma = ${gamma}; acceptance is expected at temperature ${temperature}, on this text.`,
    }
  return {
    title: "The recorded tokens",
    note: `The first texts of the ${probe?.split} split, whose kept tokens the training recorded. They train nothing.`,
  }
}

/** One set of all arms. */
const setOf = (
  graph: Graph,
  drafts: ReadonlyArray<Measured>,
  readings: ReadonlyArray<ArmReadings>,
  name: TextSet["name"],
) => {
  const each = readings.map(({ sets }) => sets.find((set) => set.name === name))
  const [first] = each
  if (first === undefined || each.some((set) => set === undefined)) return undefined
  const { arm: _, ...common } = first
  const arms = each.map((set, i) => {
    const { filter } = graph.settled.arms.find((arm) => arm.name === drafts[i]!.name)!
    return { ...set!.arm, name: drafts[i]!.name, filter: filter.name }
  })
  const target = each.find((set) => set!.target !== null)?.target ?? null
  return {
    same: each.every((set) => set!.tokens === common.tokens),
    set: { ...common, target, ...wordsOf(name, graph), arms },
  }
}

/** The data of a page. @error DataError for readings of different texts, and for such that do not fit the schema */
export const assembled = (
  { run, experiment }: Pick<WrittenRun, "run" | "experiment">,
  graph: Graph,
  drafts: ReadonlyArray<Measured>,
  readings: ReadonlyArray<ArmReadings>,
  tokenizer: Pick<Tokenizer, "json">,
  notes: ReadonlyArray<string> = [],
): Effect.Effect<TokensDocument, DataError> => {
  const sets = (["answers", "probe"] as const).flatMap((name) => setOf(graph, drafts, readings, name) ?? [])
  if (sets.some(({ same }) => !same))
    return Effect.fail(
      new DataError({ message: `run ${run}: its arms read texts of different lengths; name fewer of them by --arms` }),
    )
  const ids = idsOf(readings)
  const pieceOf = piecesBy(tokenizer.json)
  const named = new Set(
    sets.flatMap(({ set }) => set.arms.flatMap(({ snapshots }) => snapshots.flatMap((s) => Object.keys(s.statistics)))),
  )
  const document = tokensDocument({
    schema: 1,
    run,
    experiment,
    question: graph.settled.question,
    seed: drafts[0]!.seed,
    about: graph.settled.about ?? null,
    facts: [datasetName(graph.settled), `seed ${drafts[0]!.seed}`, `gamma = ${graph.settled.measure.gamma}`],
    notes: [...notes],
    meanings: Object.fromEntries(
      Object.values(statistics).flatMap(({ name, about }) => (named.has(name) ? [[name, about]] : [])),
    ),
    pieces: { ids: packed(ids), texts: Array.from(ids, pieceOf) },
    sets: sets.map(({ set }) => set),
  })
  if (!(document instanceof type.errors)) return Effect.succeed(document)
  return Effect.fail(new DataError({ message: `run ${run}: the page's data has another form: ${document.summary}` }))
}
