/** The script of a job: the environment of one stage, and `winnow stage` in the place of the shell. */
import { join } from "node:path"
import { keptMemory } from "@winnow/engine"
import { houseRoot } from "../../store/code/house.ts"

/** A text as one word of bash. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

/** It would end a process that still loads its modules: ignored until the stage listens, it leaves the rest of its time. */
const ignoreSignal = "trap '' USR2"

/**
 * Starts several tasks; they notice by themselves that one of them has ended, and say so. The signal is ignored in each task
 * and not in srun, which has to pass it on.
 */
const srun = (size: number): string =>
  `srun --ntasks=${size} --cpus-per-task="$TF_NUM_INTRAOP_THREADS" --kill-on-bad-exit=0 ` +
  `bash -c ${quoted(`${ignoreSignal}; exec "$@"`)} stage `

/**
 * The script of a job or of an array.
 *
 * Its shell becomes the stage's process, so the signal of the time limit (`--signal=B:USR2`) reaches the stage.
 *
 * @param tasks keys by the number of the task; of a plain job its only one
 * @param size processes that share each stage: srun starts them, and passes the signal on
 */
export const jobScript = (
  folder: string,
  tasks: ReadonlyMap<number, string>,
  preamble: string | undefined,
  size = 1,
): string =>
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
    ...Object.entries(keptMemory).map(([name, value]) => `export ${name}="\${${name}:-${value}}"`),
    ...(preamble === undefined ? [] : [preamble]),
    ...(size === 1 ? [ignoreSignal] : []),
    `exec ${size === 1 ? "" : srun(size)}${quoted(process.execPath)} ${quoted(join(houseRoot, "packages/cli/src/main.ts"))} stage \\`,
    `  "\${keys[\${SLURM_ARRAY_TASK_ID:-0}]}" --launch ${quoted(folder)}`,
    "",
  ].join("\n")
