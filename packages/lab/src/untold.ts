/** The plugins of an experiment whose results cannot be told from their code and options. */
import { usesIn, withInner } from "@winnow/core"
import type { Resolved } from "./experiment/resolved.ts"
import { untoldOf } from "./store/code/plugin-code.ts"

/**
 * A sentence for each plugin that reaches outside of its files. A task is left out where it only reads its examples so: these
 * count by their content, and only its judgement of texts by its code.
 */
export const untoldPlugins = ({ task, target, draft, arms, capacity, services }: Resolved): ReadonlyArray<string> => {
  const used = new Set(usesIn([target, draft, arms, capacity, task, services]).flatMap(withInner))
  const sentences = [...used].flatMap((use) => (use.kind === "task" && use !== task ? [] : (untoldOf(use) ?? [])))
  return [...new Set(sentences)]
}
