import type { Logger } from 'pino'

/** A process of ours: says how it ended, and ends when told to. */
export interface Child {
  /** Resolves with the words for it once the process has ended. */
  readonly ended: Promise<string>
  stop(): Promise<void>
}

export interface Waits {
  readonly first_ms: number
  readonly wait_ms_max: number
  /** Running this long counts as well again: the next end is answered as quickly as the first. */
  readonly steady_ms: number
}

const WAITS: Waits = { first_ms: 500, wait_ms_max: 30_000, steady_ms: 60_000 }

/** Keeps a process running: one that ends by itself is started again, later each time while it keeps ending. */
export function keepRunning(
  name: string,
  first: Child,
  start: () => Promise<Child>,
  log: Logger,
  { first_ms, wait_ms_max, steady_ms }: Waits = WAITS,
): { stop(): Promise<void> } {
  let child = first
  let isStopping = false
  let wake = () => {}
  const pause = (ms: number) =>
    new Promise<void>(resolve => {
      const timer = setTimeout(resolve, ms)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })

  async function again(): Promise<Child | string> {
    try {
      return await start()
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }

  async function keep(): Promise<void> {
    let wait_ms = first_ms
    for (let began = performance.now(); ; began = performance.now()) {
      let how = await child.ended
      if (performance.now() - began >= steady_ms) wait_ms = first_ms
      while (!isStopping) {
        log.error({ process: name, how, wait_ms }, 'a process of ours ended by itself and is started again')
        await pause(wait_ms)
        wait_ms = Math.min(wait_ms * 2, wait_ms_max)
        if (isStopping) return
        const started = await again()
        if (typeof started === 'string') {
          how = started
          continue
        }
        child = started
        log.info({ process: name }, 'runs again')
        break
      }
      if (isStopping) return child.stop()
    }
  }

  const kept = keep()
  return {
    stop: async () => {
      isStopping = true
      wake()
      await child.stop()
      await kept
    },
  }
}
