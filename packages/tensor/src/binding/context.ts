/** The eager context: the device and the threads of ops. */

import type { Address } from "@winnow/engine"
import { Arena } from "./arena.ts"
import { encodeConfig, type SessionConfig } from "./config.ts"
import { withoutStderr } from "./libc.ts"
import { encodeServerDef, type Seat } from "./server-def.ts"
import { Status } from "./status.ts"
import { type LibraryFiles, openSymbols, type Symbols } from "./symbols.ts"

/** A device under TensorFlow's name. */
export interface Device {
  /** Such as `/job:localhost/replica:0/task:0/device:CPU:0`. */
  readonly name: string
  /** `CPU`, `GPU`, ... */
  readonly type: string
}

/** The state that the parts of the binding share. One per process: TensorFlow has global state of its own. */
export interface Runtime {
  readonly C: Symbols
  readonly arena: Arena
  readonly status: Status
  readonly context: Address
  readonly devices: ReadonlyArray<Device>
  /** The device of float tensors: the last GPU if there is one, else the CPU, like the stock addon's choice. */
  readonly device: Device
  readonly usesGpu: boolean
  /** TensorFlow's version. */
  readonly version: string
}

const listDevices = (C: Symbols, context: Address, status: Status): Array<Device> => {
  const list = C.TFE_ContextListDevices(context, status.address)
  status.check("listing devices")
  const devices = Array.from({ length: C.TF_DeviceListCount(list) }, (_, i) => ({
    name: String(C.TF_DeviceListName(list, i, status.address)),
    type: String(C.TF_DeviceListType(list, i, status.address)),
  }))
  C.TF_DeleteDeviceList(list)
  return devices
}

/**
 * Loads the library and opens an eager context.
 *
 * @param quiet hides the library's output on stderr during loading, before its own log level counts
 * @param seat makes this process a member of a group: it then listens at its own address
 * @error if the library cannot be loaded, or TensorFlow refuses the configuration, finds no device or cannot listen
 */
export const openRuntime = (
  files: LibraryFiles,
  sessionConfig: SessionConfig,
  quiet: boolean,
  seat?: Seat,
): Runtime => {
  const C = quiet ? withoutStderr(() => openSymbols(files)) : openSymbols(files)
  const arena = new Arena()
  const status = new Status(C)
  const config = encodeConfig(sessionConfig)
  const options = C.TFE_NewContextOptions()
  let context: Address | null
  try {
    C.TFE_ContextOptionsSetConfig(options, arena.bytes(config), config.length, status.address)
    status.check("configuring TensorFlow")
    context = C.TFE_NewContext(options, status.address)
    status.check("opening TensorFlow")
    if (seat !== undefined) {
      // The devices get other names, so this comes before any tensor.
      const server = encodeServerDef(seat, config)
      C.TFE_EnableCollectiveOps(context!, arena.bytes(server), server.length, status.address)
      status.check(`listening at ${seat.members[seat.rank]}`)
    }
  } finally {
    C.TFE_DeleteContextOptions(options)
  }
  const devices = listDevices(C, context!, status)
  const gpu = devices.findLast(({ type }) => type === "GPU")
  const device = gpu ?? devices.find(({ type }) => type === "CPU")
  if (device === undefined) throw new Error(`TensorFlow found neither a CPU nor a GPU: ${JSON.stringify(devices)}`)
  return {
    C,
    arena,
    status,
    context: context!,
    devices,
    device,
    usesGpu: gpu !== undefined,
    version: String(C.TF_Version()),
  }
}
