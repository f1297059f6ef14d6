/** The few calls of yauzl 3.4 that are used; the published types describe version 2, without promises. */
declare module "yauzl" {
  import type { Readable } from "node:stream"
  export interface Entry {
    readonly fileName: string
    readonly uncompressedSize: number
  }
  export interface ZipFile {
    eachEntry(): AsyncIterableIterator<Entry>
    openReadStreamPromise(entry: Entry): Promise<Readable>
    close(): void
  }
  export function openPromise(path: string, options?: { readonly autoClose?: boolean }): Promise<ZipFile>
}
