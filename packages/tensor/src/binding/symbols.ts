/** The functions of TensorFlow's C API that the binding calls, and their loading. */
import { dlopen, type FFIFunction, FFIType } from "bun:ffi"
import type { Functions } from "@winnow/engine"

const pointer = "ptr"
const int = "i32"
/** int64_t and size_t come back as numbers below 2^53, like all sizes and dimensions. */
const long = FFIType.i64_fast
const size = FFIType.u64_fast
/** As an argument, int64_t takes a number or a bigint. */
const long64 = "i64"
const byte = "u8"
const nothing = "void"

const table = {
  TF_Version: { args: [], returns: "cstring" },

  TF_NewStatus: { args: [], returns: pointer },
  TF_GetCode: { args: [pointer], returns: int },
  TF_SetStatus: { args: [pointer, int, pointer], returns: nothing },
  TF_Message: { args: [pointer], returns: "cstring" },

  TF_NewTensor: { args: [int, pointer, int, pointer, size, pointer, pointer], returns: pointer },
  TF_AllocateTensor: { args: [int, pointer, int, size], returns: pointer },
  TF_TensorData: { args: [pointer], returns: pointer },
  TF_TensorByteSize: { args: [pointer], returns: size },
  TF_TensorElementCount: { args: [pointer], returns: long },
  TF_TensorBitcastFrom: { args: [pointer, int, pointer, pointer, int, pointer], returns: nothing },
  TF_DeleteTensor: { args: [pointer], returns: nothing },

  TF_StringInit: { args: [pointer], returns: nothing },
  TF_StringCopy: { args: [pointer, pointer, size], returns: nothing },
  TF_StringGetDataPointer: { args: [pointer], returns: pointer },
  TF_StringGetSize: { args: [pointer], returns: size },
  TF_StringDealloc: { args: [pointer], returns: nothing },

  TFE_NewContextOptions: { args: [], returns: pointer },
  TFE_ContextOptionsSetConfig: { args: [pointer, pointer, size, pointer], returns: nothing },
  TFE_DeleteContextOptions: { args: [pointer], returns: nothing },
  TFE_NewContext: { args: [pointer, pointer], returns: pointer },
  TFE_EnableCollectiveOps: { args: [pointer, pointer, size, pointer], returns: nothing },
  TFE_NewExecutor: { args: [byte, byte, int], returns: pointer },
  TFE_ContextGetExecutorForThread: { args: [pointer], returns: pointer },
  TFE_ContextSetExecutorForThread: { args: [pointer, pointer], returns: nothing },
  TFE_ExecutorWaitForAllPendingNodes: { args: [pointer, pointer], returns: nothing },
  TFE_ContextListDevices: { args: [pointer, pointer], returns: pointer },
  TF_DeviceListCount: { args: [pointer], returns: int },
  TF_DeviceListName: { args: [pointer, int, pointer], returns: "cstring" },
  TF_DeviceListType: { args: [pointer, int, pointer], returns: "cstring" },
  TF_DeleteDeviceList: { args: [pointer], returns: nothing },

  TFE_NewTensorHandle: { args: [pointer, pointer], returns: pointer },
  TFE_DeleteTensorHandle: { args: [pointer], returns: nothing },
  TFE_TensorHandleDataType: { args: [pointer], returns: int },
  TFE_TensorHandleNumDims: { args: [pointer, pointer], returns: int },
  TFE_TensorHandleDim: { args: [pointer, int, pointer], returns: long },
  TFE_TensorHandleResolve: { args: [pointer, pointer], returns: pointer },
  TFE_TensorHandleCopyToDevice: { args: [pointer, pointer, pointer, pointer], returns: pointer },

  TFE_NewOp: { args: [pointer, pointer, pointer], returns: pointer },
  TFE_DeleteOp: { args: [pointer], returns: nothing },
  TFE_OpAddInput: { args: [pointer, pointer, pointer], returns: nothing },
  TFE_OpGetAttrType: { args: [pointer, pointer, pointer, pointer], returns: int },
  TFE_OpSetAttrString: { args: [pointer, pointer, pointer, size], returns: nothing },
  TFE_OpSetAttrInt: { args: [pointer, pointer, long64], returns: nothing },
  TFE_OpSetAttrFloat: { args: [pointer, pointer, "f32"], returns: nothing },
  TFE_OpSetAttrBool: { args: [pointer, pointer, byte], returns: nothing },
  TFE_OpSetAttrType: { args: [pointer, pointer, int], returns: nothing },
  TFE_OpSetAttrShape: { args: [pointer, pointer, pointer, int, pointer], returns: nothing },
  TFE_OpSetAttrTensor: { args: [pointer, pointer, pointer, pointer], returns: nothing },
  TFE_OpSetAttrFunctionName: { args: [pointer, pointer, pointer, size], returns: nothing },
  TFE_OpSetAttrFunctionList: { args: [pointer, pointer, pointer, int], returns: nothing },
  TFE_OpSetAttrStringList: { args: [pointer, pointer, pointer, pointer, int], returns: nothing },
  TFE_OpSetAttrIntList: { args: [pointer, pointer, pointer, int], returns: nothing },
  TFE_OpSetAttrFloatList: { args: [pointer, pointer, pointer, int], returns: nothing },
  TFE_OpSetAttrBoolList: { args: [pointer, pointer, pointer, int], returns: nothing },
  TFE_OpSetAttrTypeList: { args: [pointer, pointer, pointer, int], returns: nothing },
  TFE_OpSetAttrShapeList: { args: [pointer, pointer, pointer, pointer, int, pointer], returns: nothing },
  TFE_Execute: { args: [pointer, pointer, pointer, pointer], returns: nothing },
  TFE_ContextAddFunctionDef: { args: [pointer, pointer, size, pointer], returns: nothing },
} as const

/** The loaded functions, by their names in the C API. */
export type Symbols = Functions<typeof table>

/** The two files of libtensorflow. */
export interface LibraryFiles {
  readonly cc: string
  readonly framework: string
}

/**
 * Loads libtensorflow and finds every function of the table in it.
 *
 * @param files the framework is loaded first, so that it is found at any place
 * @error if a file cannot be loaded or lacks a function, with the loader's own message
 */
export const openSymbols = ({ cc, framework }: LibraryFiles): Symbols => {
  let path = framework
  try {
    dlopen(framework, { TF_DataTypeSize: { args: [int], returns: size } })
    path = cc
    return dlopen(cc, table as Record<string, FFIFunction>).symbols as unknown as Symbols
  } catch (cause) {
    throw new Error(
      `cannot load TensorFlow from ${path}: ${cause instanceof Error ? cause.message : String(cause)}. ` +
        "Expected libtensorflow 2.9 or newer for this processor, its two files from the same build.",
      { cause },
    )
  }
}
