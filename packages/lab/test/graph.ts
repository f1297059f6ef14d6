/** The graph of an experiment with its texts read: for tests. */
import { datasetsLayer } from "@winnow/data"
import { Effect } from "effect"
import type { Resolved } from "../src/experiment/resolved.ts"
import { buildGraph } from "../src/graph.ts"
import type { Judge } from "../src/judge.ts"
import type { Stage } from "../src/stage.ts"
import type { Sizes } from "../src/stages/training.ts"
import { readTexts } from "../src/texts.ts"

/** `buildGraph` without the texts to be given, and with a function in the place of its judge; data sets come from WINNOW_DATA or the cache. */
export const graphOf = <E = never, R = never>(
  resolved: Resolved,
  sizesOf?: (data: Stage) => Sizes | undefined,
  scores?: Judge<E, R>["scores"],
  secondsOf: Judge["secondsOf"] = () => undefined,
) =>
  Effect.flatMap(readTexts(resolved), (texts) =>
    buildGraph(resolved, texts, sizesOf, scores && { scores, secondsOf }),
  ).pipe(Effect.provide(datasetsLayer()))
