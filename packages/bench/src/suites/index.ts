/** All suites by their names on the command line. */
import type { Suite } from "../suite.ts"
import { decoding } from "./decoding.bench.ts"
import { ofFamilies } from "./families.bench.ts"
import { filters } from "./filters.bench.ts"
import { kernels } from "./kernels.bench.ts"
import { losses } from "./losses.bench.ts"
import { microBatch } from "./micro-batch.bench.ts"
import { optimizer } from "./optimizer.bench.ts"
import { safetensors } from "./safetensors.bench.ts"
import { signals } from "./signals.bench.ts"
import { tokenizing } from "./tokenizing.bench.ts"
import { vocabulary } from "./vocabulary.bench.ts"

export const suites: Readonly<Record<string, Suite>> = {
  filters,
  losses,
  "micro-batch": microBatch,
  optimizer,
  kernels,
  decoding,
  families: ofFamilies,
  tokenizing,
  safetensors,
  vocabulary,
  signals,
}
