/** The house's families, and the reading of folders by them: for tests. */

import { gptNeox } from "@winnow/model-gpt-neox"
import { gpt2 } from "@winnow/model-gpt2"
import { llama } from "@winnow/model-llama"
import * as config from "./config.ts"
import * as files from "./files.ts"

export const families = [gpt2, gptNeox, llama]
export const architectureFromConfig = (given: unknown, where?: string) =>
  config.architectureFromConfig(families, given, where)
export const loadModel = (dir: string) => files.loadModel(dir, families)
export const loadDecoder = (dir: string) => files.loadDecoder(dir, families)
export const readArchitecture = (dir: string) => files.readArchitecture(dir, families)
