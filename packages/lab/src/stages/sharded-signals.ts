/** The stage of a cache in shards: it lists the folders of the shards, which other stages read as one cache. */
import { relative } from "node:path"
import { writeShards } from "@winnow/training"
import { Effect } from "effect"
import { type Stage, shardedSignals, stage } from "../stage.ts"
import type { StageCode } from "../store/code/stage-code.ts"

/**
 * The stage behind the shards of a cache.
 *
 * Its summary is that of the cache in one stage, with the seconds of all shards.
 */
export const shardedStage = (label: string, shards: ReadonlyArray<Stage>, code: StageCode): Stage =>
  stage({
    kind: shardedSignals,
    label,
    config: { shards: shards.length },
    inputs: shards,
    code,
    run: ({ directory, inputs }) =>
      Effect.sync(() => {
        writeShards(
          directory,
          inputs.map((shard) => ({ folder: relative(directory, shard.directory) })),
        )
        const whole = inputs[0]!.manifest.summary["whole"] as Record<string, unknown>
        return { ...whole, seconds: inputs.reduce((sum, { manifest }) => sum + manifest.seconds, 0) }
      }),
  })
