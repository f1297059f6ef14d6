export { FileError, fileErrorOf, isSystemError } from "./file-error.ts"
export { sha256, sha256OfFile } from "./hash.ts"
export { readRegular, readRegularText, type Within } from "./read.ts"
export { syncPath, writeWhole } from "./write.ts"
