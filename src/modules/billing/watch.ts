import { atLeast } from '#engines/statistics/index.ts'
import { addDays } from '#kernel/time.ts'

/** What the record says of one cashier on one day. */
export interface ClerkDay {
  readonly clerkId: string
  readonly day: string
  /** Bills looked up at the window that could be paid, and those nobody has paid since. */
  readonly lookups: number
  readonly abandoned: number
  /** Payments taken, and those of them voided. */
  readonly takings: number
  readonly voids: number
  /** Turns counted, and what they found over (positive) or short. */
  readonly turns: number
  readonly overFen: number
}

export type SignalKind = 'abandoned' | 'voids' | 'short'

/** Something a manager should look at; it accuses nobody. */
export interface Signal {
  readonly clerkId: string
  readonly kind: SignalKind
  /** Events seen of so many, or fen short in so many turns. */
  readonly seen: number
  readonly of: number
  /** The same share, or fen a turn, at the other windows. */
  readonly usual: number
}

/** Days looked at together: long enough for a small habit to show, short enough to show it soon. */
export const WATCH_DAYS = 7
/** How rarely an honest window looks like this by chance, a day and kind. */
const CHANCE_MAX = 0.002
/** Windows differ: so much more than the others is nobody's fault. */
const TOLERANCE = 1.3
/** Fewer events than this say nothing. */
const EVENTS_MIN = 30
/** What is believed of a hall before it has a record: shares, and how many events they are worth. */
const PRIOR = { abandoned: { share: 0.06, events: 200 }, voids: { share: 0.01, events: 200 } } as const
/** A turn's usual difference is taken to be at least so much. */
const DIFFERENCE_FEN_MIN = 300
const SPREADS_MAX = 3.5

interface Sums {
  lookups: number
  abandoned: number
  takings: number
  voids: number
  turns: number
  overFen: number
  /** Sum of the differences without their sign. */
  offFen: number
}

const nothing = (): Sums => ({ lookups: 0, abandoned: 0, takings: 0, voids: 0, turns: 0, overFen: 0, offFen: 0 })

function sumUp(days: readonly ClerkDay[]): Sums {
  const sums = nothing()
  for (const d of days) {
    for (const key of ['lookups', 'abandoned', 'takings', 'voids', 'turns', 'overFen'] as const) sums[key] += d[key]
    sums.offFen += Math.abs(d.overFen)
  }
  return sums
}

function shareSignal(clerkId: string, kind: 'abandoned' | 'voids', own: Sums, others: Sums): Signal | undefined {
  const [seen, of] = kind === 'abandoned' ? [own.abandoned, own.lookups] : [own.voids, own.takings]
  const [theirs, ofTheirs] = kind === 'abandoned' ? [others.abandoned, others.lookups] : [others.voids, others.takings]
  const prior = PRIOR[kind]
  const usual = (theirs + prior.share * prior.events) / (ofTheirs + prior.events)
  if (of < EVENTS_MIN || atLeast(seen, of, Math.min(1, usual * TOLERANCE)) >= CHANCE_MAX) return undefined
  return { clerkId, kind, seen, of, usual }
}

/** Money that keeps missing: the sum of a week's differences against what differences usually come to. */
function shortSignal(clerkId: string, own: Sums, others: Sums): Signal | undefined {
  const short = 0 - own.overFen
  const usual = Math.max(DIFFERENCE_FEN_MIN, others.turns > 0 ? others.offFen / others.turns : 0)
  // The mean of a difference without its sign is 0.8 of its spread.
  const spread = (usual / 0.8) * Math.sqrt(Math.max(1, own.turns))
  return own.turns > 0 && short > SPREADS_MAX * spread ? { clerkId, kind: 'short', seen: short, of: own.turns, usual } : undefined
}

/** What of the days up to `today` stands out at one window against the others. */
export function watchClerks(days: readonly ClerkDay[], today: string): Signal[] {
  const from = addDays(today, 1 - WATCH_DAYS)
  const seen = days.filter(d => d.day >= from && d.day <= today)
  const signals: (Signal | undefined)[] = []
  for (const clerkId of new Set(seen.map(d => d.clerkId))) {
    const own = sumUp(seen.filter(d => d.clerkId === clerkId))
    const others = sumUp(seen.filter(d => d.clerkId !== clerkId))
    signals.push(
      shareSignal(clerkId, 'abandoned', own, others),
      shareSignal(clerkId, 'voids', own, others),
      shortSignal(clerkId, own, others),
    )
  }
  return signals.filter(signal => signal !== undefined)
}
