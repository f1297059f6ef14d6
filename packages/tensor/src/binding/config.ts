/** The session configuration, as the bytes of TensorFlow's ConfigProto message. */
import { block, integer, text } from "./protobuf.ts"

/** Settings of TensorFlow's session that the engine exposes. */
export interface SessionConfig {
  /** Threads within one op; TensorFlow takes one per core by default. */
  readonly threads?: number
  /** Number of ops that may run at the same time; it only matters for recordings. */
  readonly interOpThreads?: number
  /** False hides every GPU. */
  readonly gpu: boolean
  /** Takes GPU memory as it is needed instead of nearly all of it at the start. */
  readonly gpuMemoryGrowth: boolean
}

/**
 * Encodes a ConfigProto: device_count = 1, intra_op_parallelism_threads = 2, inter_op_parallelism_threads = 5,
 * gpu_options = 6 with allow_growth = 4.
 *
 * @source tensorflow/core/protobuf/config.proto
 */
export const encodeConfig = (config: SessionConfig): Uint8Array<ArrayBuffer> =>
  Uint8Array.from([
    ...(config.gpu ? [] : block(1, [...text(1, "GPU"), ...integer(2, 0)])),
    ...(config.threads === undefined ? [] : integer(2, config.threads)),
    ...(config.interOpThreads === undefined ? [] : integer(5, config.interOpThreads)),
    ...(config.gpuMemoryGrowth ? block(6, integer(4, 1)) : []),
  ])
