/**
 * A proposer guesses how a text goes on; one call of the target judges the guess. The text keeps the target's
 * distribution for any proposal, as long as each token was drawn from the very distribution that the proposal names.
 *
 * Letters: L tokens of the text so far (prompt and emitted), V vocabulary.
 */
import type { Type } from "arktype"
import { Effect } from "effect"
import { kindOf } from "./contract/brief.ts"
import { checkDefinition } from "./contract/definition.ts"
import { guarded, PluginFault } from "./contract/fault.ts"
import { checkedParts, checkedProposal } from "./contract/proposer-contract.ts"
import type { DataError } from "./errors.ts"
import { definePlugin, type Plugin, type UseWith } from "./plugin.ts"
import type { Proposer, ProposerParts, ProposerSequence, SequenceStart } from "./proposal.ts"

export type ProposerUse<R = never> = UseWith<"proposer", Proposer, R, DataError, object>

/**
 * Defines a proposer that is not a draft model.
 *
 * @param spec.make makes `{ begin, ... }` from valid options, or an Effect of it for a proposer that reads files
 */
export const defineProposer = <const O extends Type, R = never>(spec: {
  readonly name: string
  /** `import.meta.url` of the module that the plugin belongs to, if another module defines it; rarely needed. */
  readonly from?: string
  readonly options: O
  readonly make: (options: O["infer"]) => ProposerParts | Effect.Effect<ProposerParts, DataError, R>
}): Plugin<O, ProposerUse<R>> => {
  const place = checkDefinition("proposer", spec)
  const plugin = `proposer ${spec.name}`
  return definePlugin({
    kind: "proposer",
    name: spec.name,
    options: spec.options,
    from: spec.from,
    more: () => ({}),
    make: (options) => {
      const answer = spec.make(options)
      const parts: Effect.Effect<ProposerParts, DataError, R> = Effect.isEffect(answer)
        ? answer
        : Effect.succeed(answer)
      return Effect.map(parts, (answer) => checkedProposer(plugin, spec.name, answer, place))
    },
  })
}

/**
 * A proposer of the parts that a plugin returned, with each of its answers checked against the contract.
 *
 * @param plugin kind and name, for errors
 * @error PluginFault (thrown) for parts of another shape
 */
export const checkedProposer = (plugin: string, name: string, answer: unknown, place?: string): Proposer => {
  const { begin, ...rest } = checkedParts(plugin, place, answer)
  return {
    parameters: 0,
    ...rest,
    name,
    begin: (start) => checkedSequence(plugin, rest.deterministic === true, start, begin(start)),
  }
}

/** The same sequence, with each answer checked against the contract. */
const checkedSequence = (
  plugin: string,
  deterministic: boolean,
  { vocabularySize }: SequenceStart,
  sequence: ProposerSequence,
): ProposerSequence => {
  if (typeof sequence?.propose !== "function")
    throw new PluginFault(
      plugin,
      "definition",
      `begin returned ${kindOf(sequence)}; expected { propose, accept, dispose }`,
    )
  return {
    propose: (context) => {
      const proposal = guarded(plugin, "propose", () => sequence.propose(context))
      return checkedProposal(plugin, proposal, { room: context.room, vocabularySize, deterministic })
    },
    accept: (accepted, path) => guarded(plugin, "accept", () => sequence.accept?.(accepted, path)),
    dispose: () => guarded(plugin, "dispose", () => sequence.dispose?.()),
  }
}
