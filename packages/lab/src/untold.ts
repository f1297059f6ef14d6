/** The plugins of an experiment whose results cannot be told from their code and options. */
import type { Resolved } from "./experiment/resolve.ts"
import { type Coded, untoldOf } from "./store/code/plugin-code.ts"

const isCoded = (value: unknown): value is Coded =>
  typeof value === "object" && value !== null && "origin" in value && "withOptions" in value

/** All plugins in a value, each once. */
const pluginsIn = (value: unknown, found = new Set<Coded>()): ReadonlySet<Coded> => {
  if (isCoded(value)) found.add(value)
  else if (Array.isArray(value)) for (const inner of value) pluginsIn(inner, found)
  else if (typeof value === "object" && value !== null)
    for (const inner of Object.values(value)) pluginsIn(inner, found)
  return found
}

/**
 * A sentence for each plugin that reaches outside of its files. A task is left out where it only reads its examples so: these
 * count by their content, and only its judgement of texts by its code.
 */
export const untoldPlugins = ({ task, target, draft, arms, capacity }: Resolved): ReadonlyArray<string> => {
  const used = pluginsIn([target, draft, arms, capacity, task])
  const sentences = [...used].flatMap((use) =>
    use.kind === "task" && use !== (task as Coded) ? [] : (untoldOf(use) ?? []),
  )
  return [...new Set(sentences)]
}
