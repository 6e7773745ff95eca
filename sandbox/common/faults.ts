import { seededRandom } from '#kernel/random.ts'

/** How a stand-in misbehaves: probabilities in [0, 1], delays in ms. All can be changed while it runs. */
export interface Faults {
  /** Wait before a call is carried out. */
  create_delay_ms: number
  /** The connection is cut before the call is carried out, or a notification is silently not sent. */
  drop: number
  /** The answer to a call is not what the protocol says: a page of some proxy (wechat and biller). */
  garbage: number
  /** A notification is sent twice at the same moment. */
  duplicate: number
  /** A notification is held back until after a later one. */
  reorder: number
  /** The call is carried out, then answered with status 500. */
  fail_after_commit: number
  /** A query about a paid trade first says "not paid", once per trade; an ordering carried out is told as only accepted, once. */
  lie_then_correct: number
  /** Refusal of a posting or an ordering (biller only). */
  reject: number
  /** An ordering is only accepted at first, and carried out after it was asked about (biller only). */
  accept_first: number
  /** Statements of the running day are handed out too. */
  statement_today: boolean
  /** Rows a biller's check file leaves out, its totals agreeing. */
  check_skip: number
  /** Rows of nobody a biller's check file adds. */
  check_extra: number
  /** Fen by which the first row of a biller's check file is wrong. */
  check_amount: number
  /** The totals of a biller's check file are not those of its rows. */
  check_totals: boolean
  /** A biller's check file ends in the middle. */
  check_cut: boolean
  /** A biller has no check file yet. */
  check_late: boolean
}

export const noFaults = (): Faults => ({
  create_delay_ms: 0,
  drop: 0,
  garbage: 0,
  duplicate: 0,
  reorder: 0,
  fail_after_commit: 0,
  lie_then_correct: 0,
  reject: 0,
  accept_first: 0,
  statement_today: false,
  check_skip: 0,
  check_extra: 0,
  check_amount: 0,
  check_totals: false,
  check_cut: false,
  check_late: false,
})

type Probability = { [K in keyof Faults]: Faults[K] extends number ? K : never }[Exclude<keyof Faults, 'create_delay_ms'>]

export interface FaultSource {
  readonly current: Faults
  set(change: object): Faults
  /** True with the named probability. */
  strikes(name: Probability): boolean
}

/** Faults of one process, replayable from its seed. Unknown names and wrong types are refused with an error. */
export function faultSource(seed: string, initial: object): FaultSource {
  const random = seededRandom(seed)
  const current = noFaults()
  const set = (change: object): Faults => {
    for (const [name, value] of Object.entries(change)) {
      const known = (current as unknown as Record<string, unknown>)[name]
      if (known === undefined || typeof value !== typeof known) throw new RangeError(`no such fault: ${name}=${value}`)
      ;(current as unknown as Record<string, unknown>)[name] = value
    }
    return current
  }
  set(initial)
  return {
    current,
    set,
    strikes: name => current[name] > 0 && random.float() < current[name],
  }
}
