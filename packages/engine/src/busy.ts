/** When a machine is too busy for its clock to be believed: one threshold for every command that times something. */

/**
 * True if programs want so much of the cores that what is timed beside them is slower than at rest.
 *
 * @param load programs that wanted a core, in the mean of the minute before (`os.loadavg`)
 * @param cores threads that may run at once
 */
export const isBusy = (load: number, cores: number): boolean => load > cores / 2
