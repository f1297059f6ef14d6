/** PyTorch's sides of the step: the script and the environment of each. */
import { type Environment, hugePages, keepFreedMemory } from "../side-by-side/peer-sides.ts"

interface StepPeerKind {
  /** Name in the folder `peers`. */
  readonly script: string
  readonly args: ReadonlyArray<string>
  readonly environment: Environment
}

const eager = "torch_selective_step.py"

/** The values of `--peers`; `bf16-default` is bf16 with the system's allocator settings, to show their cost. */
export const stepPeers = ["fp32", "bf16", "best", "bf16-default"] as const
export type StepPeer = (typeof stepPeers)[number]

export const stepPeerKinds: Readonly<Record<StepPeer, StepPeerKind>> = {
  fp32: { script: eager, args: [], environment: keepFreedMemory },
  bf16: { script: eager, args: ["--bf16"], environment: keepFreedMemory },
  best: { script: "torch_best_step.py", args: [], environment: { ...keepFreedMemory, ...hugePages } },
  "bf16-default": { script: eager, args: ["--bf16"], environment: {} },
}

/** The eager peers; the faster one stands for eager PyTorch. */
export const eagerPeers: ReadonlyArray<StepPeer> = ["fp32", "bf16"]
