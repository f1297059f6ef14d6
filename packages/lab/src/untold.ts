/** Finds plugins whose results do not follow from their code and options alone. */
import { usesIn, withInner } from "@winnow/core"
import type { Resolved } from "./experiment/resolved.ts"
import { untoldOf } from "./store/code/plugin-code.ts"

/**
 * A sentence for each plugin that reaches outside of its files. A task that only reads its examples this way is left
 * out: examples count by their content, and only its judgement of texts counts by its code.
 */
export const untoldPlugins = (resolved: Resolved): ReadonlyArray<string> => {
  const { task, target, draft, arms, capacity, services, measures, study, sweep } = resolved
  const of = [target, draft, arms, capacity, task, services, measures, study, sweep?.by]
  const used = new Set(usesIn(of).flatMap(withInner))
  const sentences = [...used].flatMap((use) => (use.kind === "task" && use !== task ? [] : (untoldOf(use) ?? [])))
  return [...new Set(sentences)]
}
