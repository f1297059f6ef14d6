/** The architectures of an experiment's models, by place. */
import type { Architecture, Attends, HeadArchitecture } from "@winnow/core"
import { parameterCount } from "@winnow/models"
import { headParameters } from "./budget.ts"

/** The architectures of an experiment's models. */
export interface Architectures {
  readonly draft: Architecture<Attends>
  /** The head that the drafts are, where they are no models. */
  readonly draftHead?: HeadArchitecture | undefined
  readonly target: Architecture<Attends>
  /** Architectures of arms and references that have their own start, by their place. */
  readonly others?: ReadonlyArray<{
    readonly name: string
    readonly architecture: Architecture<Attends>
    /** The head that is there in the place of a model. */
    readonly head?: HeadArchitecture | undefined
  }>
}

/** Parameters of the drafts. A head counts its own parameters, not the target's. */
export const draftParameters = ({ draft, draftHead }: Pick<Architectures, "draft" | "draftHead">): number =>
  draftHead ? headParameters(draftHead) : parameterCount(draft)

/** The architecture of a model by the name of its place. */
export const architectureAt = ({ draft, target, others = [] }: Architectures, name: string): Architecture<Attends> =>
  name === "target" ? target : name === "draft" ? draft : others.find((o) => o.name === name)!.architecture
