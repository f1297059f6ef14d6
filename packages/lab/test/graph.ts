/** The graph of an experiment with its texts read: for tests. */
import { datasetsLayer } from "@winnow/data"
import { Effect } from "effect"
import type { Resolved } from "../src/experiment/resolved.ts"
import { buildGraph } from "../src/graph.ts"
import type { Judge } from "../src/judge.ts"
import type { Stage } from "../src/stage.ts"
import type { Sizes } from "../src/stages/training.ts"
import { readTexts } from "../src/texts.ts"

/** `buildGraph` without the texts to be given; data sets come from WINNOW_DATA or the cache. */
export const graphOf = <E = never, R = never>(
  resolved: Resolved,
  sizesOf?: (data: Stage) => Sizes | undefined,
  judge?: Judge<E, R>,
) =>
  Effect.flatMap(readTexts(resolved), (texts) => buildGraph(resolved, texts, sizesOf, judge)).pipe(
    Effect.provide(datasetsLayer()),
  )
