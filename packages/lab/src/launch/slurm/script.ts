/** The script of a job: the environment of one stage, and `winnow stage` in the place of the shell. */
import { join } from "node:path"
import { houseRoot } from "../../store/code/house.ts"

/** A text as one word of bash. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

/**
 * The script of a job or of an array.
 *
 * Its shell becomes the stage's process, so the signal of the time limit (`--signal=B:USR2`) reaches the stage.
 *
 * @param tasks keys by the number of the task; of a plain job its only one
 */
export const jobScript = (folder: string, tasks: ReadonlyMap<number, string>, preamble: string | undefined): string =>
  [
    "#!/bin/bash",
    `keys=(${[...tasks].map(([task, key]) => (tasks.size === 1 ? key : `[${task}]=${key}`)).join(" ")})`,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: bash
    'job="${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}}"',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: bash
    'job="${job:-$SLURM_JOB_ID}"',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: bash
    'export WINNOW_JOB="slurm ${SLURM_CLUSTER_NAME} $job" WINNOW_JOB_ATTEMPT="${SLURM_RESTART_COUNT:-0}"',
    'export WINNOW_REQUEUE="scontrol requeue $job"',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: bash
    'export TF_NUM_INTRAOP_THREADS="${SLURM_CPUS_PER_TASK:-1}"',
    ...(preamble === undefined ? [] : [preamble]),
    `exec ${quoted(process.execPath)} ${quoted(join(houseRoot, "packages/cli/src/main.ts"))} stage \\`,
    `  "\${keys[\${SLURM_ARRAY_TASK_ID:-0}]}" --launch ${quoted(folder)}`,
    "",
  ].join("\n")
