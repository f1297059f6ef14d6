/** The request of an export, and its answer. */
import type { Engine } from "@winnow/core"
import type { WrittenDtype } from "@winnow/models"

/** The request of an export. */
export interface ExportRequest {
  /** Folder of the run's results. */
  readonly directory: string
  /** The row, or "target". */
  readonly name?: string | undefined
  readonly seed?: number | undefined
  /** The folder to create; it must not exist. */
  readonly to: string
  readonly dtype: WrittenDtype
  /** The engine whose layout a head is written in; left out: as Winnow reads it. */
  readonly engine?: Engine | undefined
  /** The arguments of the process that made the run, for the card. */
  readonly command?: ReadonlyArray<string> | undefined
  /** Folder of the store. */
  readonly home: string
}

/** The folder of a finished export. */
export interface Exported {
  readonly directory: string
  readonly run: string
  readonly name: string
  readonly seed: number | null
  readonly parameters: number
  /** True of a draft or target with acceptance, which a next command can generate with. */
  readonly decodes: boolean
  readonly dtype: WrittenDtype
  readonly files: ReadonlyArray<{ readonly file: string; readonly bytes: number }>
  /** SHA-256 of the weights; `recorded` is that of the weights behind the run's figures. */
  readonly sha256: { readonly exported: string; readonly recorded: string }
  readonly notes: ReadonlyArray<string>
}
