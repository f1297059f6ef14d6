/** The session configuration, as the bytes of TensorFlow's ConfigProto message. */

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

const varint = (value: number): Array<number> =>
  value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)]
const field = (number: number, wire: 0 | 2) => varint((number << 3) | wire)
const message = (number: number, body: ReadonlyArray<number>) => [...field(number, 2), ...varint(body.length), ...body]

/**
 * Encodes a ConfigProto: device_count = 1, intra_op_parallelism_threads = 2, inter_op_parallelism_threads = 5,
 * gpu_options = 6 with allow_growth = 4.
 *
 * @source tensorflow/core/protobuf/config.proto
 */
export const encodeConfig = (config: SessionConfig): Uint8Array<ArrayBuffer> =>
  Uint8Array.from([
    ...(config.gpu ? [] : message(1, [...message(1, [...Buffer.from("GPU")]), ...field(2, 0), 0])),
    ...(config.threads === undefined ? [] : [...field(2, 0), ...varint(config.threads)]),
    ...(config.interOpThreads === undefined ? [] : [...field(5, 0), ...varint(config.interOpThreads)]),
    ...(config.gpuMemoryGrowth ? message(6, [...field(4, 0), 1]) : []),
  ])
