import { addMs, addWorkingMinutes, type Calendar, calendar, workingMinutesBetween } from '#kernel/time.ts'

export type ClockKind = 'working' | 'natural'

export interface Pause {
  readonly from: Date
  /** Absent while it lasts. */
  readonly to?: Date
}

/** One warning: at this share of the time, this level, to the assignee or so many steps above. */
export interface Rung {
  /** Whole percent of the time allowed; 100 is the deadline. */
  readonly share_pct: number
  /** 3 is the mildest, 1 the gravest. */
  readonly level: 1 | 2 | 3
  /** 0 the assignee, 1 the next person up; `department` the superior department. */
  readonly to: number | 'department'
}

/** Half of the time: a hint. Four fifths: a warning. At the deadline the next person up, after it the ones above. */
export const DEFAULT_LADDER: readonly Rung[] = [
  { share_pct: 50, level: 3, to: 0 },
  { share_pct: 80, level: 2, to: 0 },
  { share_pct: 100, level: 1, to: 1 },
  { share_pct: 150, level: 1, to: 2 },
  { share_pct: 200, level: 1, to: 'department' },
]

export const MINUTES_MAX = 4 * 365 * 24 * 60
const RUNGS_MAX = 10

/** Throws Error for a ladder whose rungs do not rise: a bug of the module that defines it. */
export function checkLadder(ladder: readonly Rung[]): void {
  if (ladder.length > RUNGS_MAX) throw new Error(`a ladder has at most ${RUNGS_MAX} rungs`)
  ladder.forEach((rung, i) => {
    if (!Number.isInteger(rung.share_pct) || rung.share_pct < 1 || rung.share_pct > 1000)
      throw new Error(`rung ${i}: share ${rung.share_pct}`)
    if (i > 0 && rung.share_pct <= ladder[i - 1]!.share_pct) throw new Error(`rung ${i} does not come after the one before`)
  })
}

const days = calendar()

/** Working time counts whole minutes: an instant within a minute stands for its end. */
const wholeMinute = (at: Date): Date => new Date(Math.ceil(at.getTime() / 60_000) * 60_000)

/**
 * The instant `minutes` of the task's own clock after its start, the clock standing still during pauses: the deadline moves
 * by exactly the time on that clock which the pauses cover. Undefined while a pause lasts that began before it would be
 * reached. Pauses in order, without overlap.
 */
export function deadlineOf(
  start: Date,
  minutes: number,
  clock: ClockKind,
  pauses: readonly Pause[],
  cal: Calendar = days,
): Date | undefined {
  const isNatural = clock === 'natural'
  const exact = (at: Date): Date => (isNatural ? at : wholeMinute(at))
  let from = exact(start)
  // Milliseconds on the natural clock, minutes on the other: whole numbers, so that nothing is lost on the way.
  let left = isNatural ? minutes * 60_000 : minutes
  for (const pause of pauses) {
    const until = exact(pause.from)
    const run = isNatural ? until.getTime() - from.getTime() : workingMinutesBetween(from, until, cal)
    if (run >= left) break
    if (!pause.to) return undefined
    left -= run
    from = exact(pause.to)
  }
  return isNatural ? addMs(from, left) : addWorkingMinutes(from, left, cal)
}

/** When a rung is due, by the same rule as the deadline. */
export const rungAt = (start: Date, minutes: number, clock: ClockKind, pauses: readonly Pause[], rung: Rung): Date | undefined =>
  deadlineOf(start, Math.ceil((minutes * rung.share_pct) / 100), clock, pauses)
