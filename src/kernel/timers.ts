import type { Logger } from 'pino'
import type { Metrics } from './metrics.ts'

export interface Timers {
  /** Runs `work` again and again, `pauseMs` after it ended. It answers whether there may be more at once. */
  every(name: string, pauseMs: number, work: () => Promise<boolean>): void
  /** Runs a timer's work now, because a person is waiting for it. */
  wake(name: string): void
  /** Waits for work under way and starts no more. */
  stop(): Promise<void>
}

/** Background work of one process. A failure is logged, counted and tried again after a longer pause, never ends the timer. */
export function createTimers(log: Logger, metrics: Metrics): Timers {
  const failed = metrics.counter('yimen_timer_failures_total', 'Runs of background work that failed', ['timer'])
  const failing = metrics.gauge('yimen_timer_failing', '1 while the last run of background work failed', ['timer'])
  let stopped = false
  const running = new Map<string, { loop: Promise<void>; wake: () => void }>()

  async function loop(name: string, pauseMs: number, work: () => Promise<boolean>, rest: (ms: number) => Promise<void>): Promise<void> {
    let failures = 0
    while (!stopped) {
      let more = false
      try {
        more = await work()
        failures = 0
        failing.set({ timer: name }, 0)
      } catch (error) {
        failed.inc({ timer: name })
        failing.set({ timer: name }, 1)
        failures = Math.min(failures + 1, 6)
        log.warn({ timer: name, err: error }, 'background work failed, will try again')
      }
      if (!stopped && !more) await rest(failures > 0 ? Math.min(pauseMs * 2 ** failures, 30_000) : pauseMs)
    }
  }

  return {
    every(name, pauseMs, work) {
      let wake = () => {}
      const rest = (ms: number) =>
        new Promise<void>(resolve => {
          const timer = setTimeout(resolve, ms)
          wake = () => {
            clearTimeout(timer)
            resolve()
          }
        })
      running.set(name, { loop: loop(name, pauseMs, work, rest), wake: () => wake() })
    },
    wake: name => running.get(name)?.wake(),
    async stop() {
      stopped = true
      for (const { wake } of running.values()) wake()
      await Promise.all([...running.values()].map(entry => entry.loop))
    },
  }
}
