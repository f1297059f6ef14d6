/** C functions in the form of bun:ffi: tables of their signatures, and the types of the loaded functions. */
import type { FFIType } from "bun:ffi"

/** An address in C memory, or a handle from C. User addresses stay below 2^47, so a number holds them exactly. */
export type Address = number

type Argument<T> = T extends "ptr" ? Address | NodeJS.TypedArray | null : T extends "i64" ? number | bigint : number
type Result<T> = T extends "ptr" ? Address | null : T extends "cstring" ? string : T extends "void" ? undefined : number

type Arguments<T extends ReadonlyArray<unknown>> = { -readonly [I in keyof T]: Argument<T[I]> }

/** C functions by name, in the form of bun:ffi: constant, so that their types can be derived. */
export type FunctionTable = Readonly<
  Record<string, { readonly args: ReadonlyArray<string | FFIType>; readonly returns: string | FFIType }>
>

/** The functions of a table, as callable values. */
export type Functions<Table extends FunctionTable> = {
  readonly [Name in keyof Table]: (...args: Arguments<Table[Name]["args"]>) => Result<Table[Name]["returns"]>
}
