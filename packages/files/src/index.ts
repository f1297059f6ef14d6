export { cacheFolder } from "./cache-folder.ts"
export { type DownloadOptions, download, type RemoteFile } from "./download.ts"
export { DownloadFailed, type Fetch, networkReason } from "./download-answer.ts"
export { FileError, fileErrorOf, isSystemError } from "./file-error.ts"
export { freeBytes } from "./free-bytes.ts"
export { atOnce, hashingFile, hashingTexts, sha256, sha256OfFile, sha256OfFileInTurns } from "./hash.ts"
export { jsonProblem, parseJson } from "./json.ts"
export { type HeldLock, type LockOptions, type LockTimes, releaseJob, tryLock, withLock } from "./lock.ts"
export { machineErrorOf, outOfMemory } from "./machine-error.ts"
export {
  isAlive,
  type JobAttempt,
  type Owner,
  type ProcessIdentity,
  parseOwner,
  thisOwner,
  thisProcess,
} from "./owner.ts"
export { type OpenFile, openRegular, readRegular, readRegularText, type SizeLimit } from "./read.ts"
export { isClosedReader, writeStdout } from "./stdout.ts"
export { discard, placeFolder, syncFile, syncPath, writeWhole } from "./write.ts"
