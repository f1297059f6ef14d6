/** All kinds of damage, in the order in which they are tried. */
import type { Kind } from "../kind.ts"
import { artifacts } from "./artifacts.ts"
import { disks } from "./disks.ts"
import { interrupts } from "./interrupts.ts"
import { kills } from "./kills.ts"
import { models } from "./models.ts"
import { prompts } from "./prompts.ts"
import { records } from "./records.ts"
import { settings } from "./settings.ts"
import { tokenizers } from "./tokenizers.ts"

/** Each has its own damage and its own judge. */
export const kinds: ReadonlyArray<Kind> = [
  models,
  settings,
  prompts,
  tokenizers,
  records,
  artifacts,
  disks,
  kills,
  interrupts,
]
