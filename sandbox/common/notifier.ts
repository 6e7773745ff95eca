import type { FaultSource } from './faults.ts'

/** One message to the merchant; `make` signs anew for each try, as the timestamp is part of the signature. */
export interface Notice {
  /** Names the fact, for acknowledgement across restarts. */
  key: string
  url: string
  make(): { headers: Record<string, string>; body: string }
  isTaken(status: number, body: string): boolean
}

export interface Notifier {
  /** Sends now and repeats on the channel's schedule until taken. */
  send(notice: Notice): void
  /** Sends once more although already taken. */
  sendAgain(notice: Notice): void
  stop(): void
}

const NOTICES_WAITING_MAX = 100_000

/**
 * `schedule_s` are the waits between tries in seconds, divided by `timeScale`.
 * A reordered notice goes out after the next one, or alone after two seconds.
 */
export function notifier(
  schedule_s: readonly number[],
  timeScale: number,
  faults: FaultSource,
  taken: { has(key: string): boolean; add(key: string): void },
): Notifier {
  const timers = new Set<NodeJS.Timeout>()
  let held: (() => void)[] = []

  const later = (ms: number, run: () => void): void => {
    if (timers.size >= NOTICES_WAITING_MAX) return
    const timer = setTimeout(() => {
      timers.delete(timer)
      run()
    }, ms)
    timers.add(timer)
  }
  const post = async (notice: Notice): Promise<void> => {
    const { headers, body } = notice.make()
    try {
      const answer = await fetch(notice.url, { method: 'POST', headers, body, signal: AbortSignal.timeout(5_000) })
      const text = await answer.text()
      if (notice.isTaken(answer.status, text)) taken.add(notice.key)
    } catch {
      // Not reached: the schedule tries again.
    }
  }
  const deliver = async (notice: Notice): Promise<void> => {
    if (faults.strikes('drop')) return
    if (faults.strikes('reorder')) {
      const release = () => {
        held = held.filter(other => other !== release)
        if (!taken.has(notice.key)) void post(notice)
      }
      held.push(release)
      // Not below a second however fast time runs: the next notice must have a chance to overtake it.
      later(Math.max(1_000, 2_000 / timeScale), release)
      return
    }
    const copies = faults.strikes('duplicate') ? 2 : 1
    await Promise.all(Array.from({ length: copies }, () => post(notice)))
    for (const release of held.splice(0)) release()
  }
  const attempt = async (notice: Notice, index: number): Promise<void> => {
    if (taken.has(notice.key)) return
    await deliver(notice)
    const wait_s = schedule_s[index]
    if (wait_s !== undefined && !taken.has(notice.key)) later((wait_s * 1000) / timeScale, () => void attempt(notice, index + 1))
  }
  return {
    send: notice => void attempt(notice, 0),
    sendAgain: notice => void post(notice),
    stop() {
      for (const timer of timers) clearTimeout(timer)
      timers.clear()
    },
  }
}
