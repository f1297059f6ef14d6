export { type Adapted, adapt } from "./adapt/adapt.ts"
export { prompts } from "./adapt/prompts-task.ts"
export type { AdaptRequest } from "./adapt/request.ts"
export { type Cleaning, findRemovable, type Removable, removeAll } from "./clean.ts"
export { type ControlFilters, type ControlName, controls } from "./controls.ts"
export { draftFigures, draftPage, draftVerdict, sizesText } from "./draft/draft-page.ts"
export type { DraftPlan } from "./draft/draft-plan.ts"
export { type DraftRequest, type MadeDraft, makeDraft, planDraft } from "./draft/make-draft.ts"
export { type Plan, type PlannedStage, plan } from "./estimate.ts"
export { type Arm, arm, defineExperiment, type Experiment } from "./experiment/define.ts"
export { integer, logUniform, uniform } from "./experiment/domain.ts"
export { limited } from "./experiment/limit.ts"
export { resolve } from "./experiment/resolve.ts"
export type { Resolved } from "./experiment/resolved.ts"
export { type ScoredSpec, scored } from "./experiment/scored.ts"
export { withSearch } from "./experiment/search-flags.ts"
export { applySettings, parseSetting } from "./experiment/settings.ts"
export {
  bpe,
  byte,
  checkpoint,
  distilled,
  earlier,
  ema,
  type ReferenceSpec,
  type TokenizerSpec,
  tokenizerFile,
  trained,
} from "./experiment/spec.ts"
export {
  type ArmStartSpec,
  artifactOf,
  type DraftStartSpec,
  folder,
  fresh,
  type HeadSpec,
  head,
  layersOf,
  resized,
  type StartSpec,
  type TargetSpec,
  tuned,
} from "./experiment/start.ts"
export { halving, randomPoints } from "./experiment/sweep.ts"
export { mixture, type PartText, plainText, type TextSpec, taskText, written, writtenAt } from "./experiment/text.ts"
export { lora, privatePart, type TrainingSpec } from "./experiment/training-spec.ts"
export {
  type ExperimentFile as Found,
  experimentNamed,
  experimentOf,
  findExperiments,
  type Listed,
  listExperiments,
  loadExperiment,
  type Part,
  presetsOf,
} from "./experiments.ts"
export { exportModel } from "./export/export-model.ts"
export type { ExportRequest } from "./export/export-request.ts"
export { Families, familiesOf, houseFamilies, knownFamilies } from "./families.ts"
export { buildGraph, type Graph, type Measured } from "./graph.ts"
export { type JobEnd, runLaunched, seekPatiently } from "./launch/job.ts"
export { type Launched, type LaunchedStage, launchesIn, launchOf, readLaunch } from "./launch/launch-folder.ts"
export { type Launch, Launcher, type LauncherService, local, withDevices } from "./launch/launcher.ts"
export { type PlannedLaunch, planLaunch } from "./launch/plan-launch.ts"
export { Runner, type StageRunner } from "./launch/runner.ts"
export { type InQueue, launchesInQueue } from "./launch/slurm/in-queue.ts"
export { jobName, type SlurmOptions, slurm } from "./launch/slurm/slurm.ts"
export { srunMeeting } from "./launch/srun-meeting.ts"
export { workers } from "./launch/workers.ts"
export { LiveRun, type TrainedRow } from "./live/live-run.ts"
export { logsIn } from "./live/log.ts"
export { type Meter, makeMeter } from "./live/meter.ts"
export { startWatching, type Watching } from "./live/server.ts"
export { WatchSource } from "./live/source.ts"
export { TensorBoardRun } from "./live/tensorboard.ts"
export { houseModule, houseModules, isOutside, provideHouse } from "./outside/house-modules.ts"
export { type Exported, type Loaded, loadPlugins, pluginsIn, withPlugins } from "./outside/load-plugins.ts"
export { pluginFrom } from "./outside/plugin-from.ts"
export { checkDisk, type DiskNeed, diskText } from "./preflight/disk.ts"
export { tryPlugins } from "./preflight/try-plugins.ts"
export { Progress, type ProgressEvent } from "./progress.ts"
export { commit, machine, versions } from "./record/machine.ts"
export { type MeasuresRecord, measuresRecord } from "./record/measures-schema.ts"
export { parseRecord } from "./record/read.ts"
export { type RunRecord, runRecord } from "./record/schema.ts"
export { compareRecords, type Deviation, type Repeated } from "./repeat/compare-records.ts"
export { renderRepeat } from "./repeat/render.ts"
export { type Repeat, repeatRun } from "./repeat/repeat.ts"
export { browserScript } from "./report/browser-script.ts"
export { docsFrom } from "./report/docs-folder.ts"
export { escapeHtml } from "./report/escape-html.ts"
export { type WrittenFiles, writeFiles } from "./report/files/write-files.ts"
export { type HomePage, type HomeRun, renderHome } from "./report/home.ts"
export { renderPage } from "./report/page.ts"
export { renderReport } from "./report/report.ts"
export { overRunsRecord, type ReportedRun, severalReport } from "./report/several-report.ts"
export { baseStyle } from "./report/style.ts"
export { documentOf, type Records, readRecord } from "./results.ts"
export { type Finished, type RunOptions, runExperiment } from "./run.ts"
export { type Comparison, compareRuns } from "./runs/compare.ts"
export type { Attempt, Beginning, RunEntry, RunState } from "./runs/entry.ts"
export { experimentAndPart, renderRuns, stateText } from "./runs/list.ts"
export { plotRuns } from "./runs/plot.ts"
export { readMetrics } from "./runs/read-metrics.ts"
export { isTablesRecord, type RunFile, readRun, type WrittenRun } from "./runs/read-run.ts"
export { renderComparison } from "./runs/render-comparison.ts"
export { entered, makeRunStore, RunStore, type RunStoreService } from "./runs/run-store.ts"
export { renderAttempts, renderRun, tablesText } from "./runs/show.ts"
export { askedDevices, askedJobs, emptyWorker, jobsBeside, trainingBytes } from "./schedule/jobs.ts"
export { type Failure, failureOf, type Outcome, StageCrashed } from "./schedule/outcome.ts"
export { runAll, runStages } from "./schedule/run-all.ts"
export { inOrder, type Stage, stage } from "./stage.ts"
export { houseRoot } from "./store/code/house.ts"
export { Store, winnowHome } from "./store/store.ts"
export { layers } from "./study/layers.ts"
export { type PairModel, type PairSpec, pairArm, pairedArms } from "./study/paired-arms.ts"
export { pair } from "./study/pairing.ts"
export { proposing } from "./study/proposing.ts"
export { ranking } from "./study/ranking.ts"
export { type StudyRecord, studyRecord, type TablesRecord } from "./study/record.ts"
export { scoresAlone } from "./study/scores-alone.ts"
export { steps } from "./study/steps.ts"
export {
  defineMeasuresStudy,
  defineStudy,
  type StudyContext,
  type StudyFinding,
  type StudyReport,
  type StudyStage,
} from "./study/study.ts"
export { column, type FigureStyle, type StudyTable, type TableColumn, type TableFigure } from "./study/table.ts"
export { trees } from "./study/trees.ts"
export { variables } from "./study/variables.ts"
export { renderStudySummary, renderSummary, summaryLines } from "./summary.ts"
export { align, wrap } from "./table/align.ts"
export { tableText, writeCell } from "./table/cells.ts"
export { fitText } from "./table/fit.ts"
export { short } from "./table/format.ts"
export { clock, duration } from "./table/time.ts"
export { renderTable } from "./table.ts"
export { type TokensDocument, type TokensRequest, tokensDocument, tokensOf, tokensPage } from "./tokens/index.ts"
