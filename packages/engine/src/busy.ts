/** The load at which times become unreliable: one threshold for every command that measures time. */

/**
 * True if other programs want so much of the cores that times are longer than on an idle machine.
 *
 * @param load programs that wanted a core, in the mean of the minute before (`os.loadavg`)
 * @param cores threads that may run at once
 */
export const isBusy = (load: number, cores: number): boolean => load > cores / 2
