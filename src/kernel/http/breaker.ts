/** Failures in a row after which a host is left alone, and for how long: a slow neighbour must not slow us down. */
export const FAILURES_MAX = 5
const REST_MS = 3_000
const REST_MS_MAX = 30_000
const HOSTS_MAX = 1_000

export interface BreakerState {
  readonly host: string
  readonly isOpen: boolean
}

export interface Breaker {
  /** Whether a call may go out now. After the rest one call is let through to try; the others wait for its outcome. */
  admits(host: string): boolean
  note(host: string, outcome: 'answered' | 'failed'): void
  list(): BreakerState[]
}

interface Host {
  failures: number
  rests: number
  /** Closed until it is set. */
  openUntil_ms: number | undefined
  isTrying: boolean
}

/** `now_ms` is a clock that never goes back. */
export function createBreaker(now_ms: () => number): Breaker {
  const hosts = new Map<string, Host>()
  const get = (host: string): Host => {
    let known = hosts.get(host)
    if (!known) {
      if (hosts.size >= HOSTS_MAX) hosts.delete(hosts.keys().next().value!)
      known = { failures: 0, rests: 0, openUntil_ms: undefined, isTrying: false }
      hosts.set(host, known)
    }
    return known
  }
  const rest = (at: Host): void => {
    at.openUntil_ms = now_ms() + Math.min(REST_MS * 2 ** at.rests++, REST_MS_MAX)
    at.isTrying = false
  }
  return {
    admits(host) {
      const at = get(host)
      if (at.openUntil_ms === undefined) return true
      if (at.isTrying || now_ms() < at.openUntil_ms) return false
      at.isTrying = true
      return true
    },
    note(host, outcome) {
      const at = get(host)
      if (outcome === 'answered') {
        // A late answer to a call from before the break says as much as one to a trial.
        Object.assign(at, { failures: 0, rests: 0, openUntil_ms: undefined, isTrying: false })
        return
      }
      at.failures++
      const hasTried = at.isTrying && at.openUntil_ms !== undefined && now_ms() >= at.openUntil_ms
      if (hasTried || (at.openUntil_ms === undefined && at.failures >= FAILURES_MAX)) rest(at)
    },
    list: () => [...hosts].map(([host, at]) => ({ host, isOpen: at.openUntil_ms !== undefined })),
  }
}
