import chineseDays from 'chinese-days'

export interface Clock {
  now(): Date
}

export const systemClock: Clock = { now: () => new Date() }

/** A clock moved by hand, for tests and simulation. */
export function manualClock(start: Date | string): Clock & { set(at: Date): void; advance(ms: number): void } {
  let at = new Date(start).getTime()
  return {
    now: () => new Date(at),
    set: date => {
      at = date.getTime()
    },
    advance: ms => {
      at += ms
    },
  }
}

// China has kept one offset without daylight saving since 1991: plain arithmetic is exact and fast.
const SHANGHAI_MS = 8 * 3_600_000
const DAY_MS = 86_400_000

/** Calendar day in Asia/Shanghai, 'YYYY-MM-DD'. */
export const dayOf = (at: Date): string => new Date(at.getTime() + SHANGHAI_MS).toISOString().slice(0, 10)

/** Instant at which a day begins in Asia/Shanghai. */
export const startOfDay = (day: string): Date => new Date(Date.parse(`${day}T00:00:00Z`) - SHANGHAI_MS)

export const addDays = (day: string, count: number): string =>
  new Date(Date.parse(`${day}T00:00:00Z`) + count * DAY_MS).toISOString().slice(0, 10)

/** Whole days from `a` to `b`, negative when b is earlier. */
export const daysBetween = (a: string, b: string): number =>
  Math.round((Date.parse(`${b}T00:00:00Z`) - Date.parse(`${a}T00:00:00Z`)) / DAY_MS)

export const addMs = (at: Date, ms: number): Date => new Date(at.getTime() + ms)

/** 'HH:MM' in Asia/Shanghai. */
export const timeOfDay = (at: Date): string => new Date(at.getTime() + SHANGHAI_MS).toISOString().slice(11, 16)

export interface WorkingHours {
  /** Minutes after midnight, in order, without overlap. */
  readonly spans: readonly (readonly [open: number, close: number])[]
}

export const OFFICE_HOURS: WorkingHours = {
  spans: [
    [9 * 60, 12 * 60],
    [13 * 60, 17 * 60],
  ],
}

/** Days that differ from the published calendar: loaded when a new year's State Council notice is imported. */
export interface Calendar {
  isWorkingDay(day: string): boolean
}

export function calendar(overrides: ReadonlyMap<string, boolean> = new Map()): Calendar {
  return { isWorkingDay: day => overrides.get(day) ?? chineseDays.isWorkday(day) }
}

/** Upper bound of a walk over the calendar: four years, beyond any legal deadline. */
const WALK_DAYS_MAX = 1_500

/** The instant `minutes` of working time after `from`. */
export function addWorkingMinutes(from: Date, minutes: number, days: Calendar, hours: WorkingHours = OFFICE_HOURS): Date {
  let left = minutes
  let day = dayOf(from)
  let after = Math.ceil((from.getTime() - startOfDay(day).getTime()) / 60_000)
  for (let walked = 0; walked < WALK_DAYS_MAX; walked++) {
    if (days.isWorkingDay(day)) {
      for (const [open, close] of hours.spans) {
        const start = Math.max(open, after)
        if (start >= close) continue
        if (left <= close - start) return addMs(startOfDay(day), (start + left) * 60_000)
        left -= close - start
      }
    }
    day = addDays(day, 1)
    after = 0
  }
  throw new RangeError(`no working time found within ${WALK_DAYS_MAX} days of ${from.toISOString()}`)
}

/** Working minutes between two instants; 0 when `to` is not later. */
export function workingMinutesBetween(from: Date, to: Date, days: Calendar, hours: WorkingHours = OFFICE_HOURS): number {
  let total = 0
  const last = dayOf(to)
  for (let day = dayOf(from), walked = 0; day <= last && walked < WALK_DAYS_MAX; day = addDays(day, 1), walked++) {
    if (!days.isWorkingDay(day)) continue
    const base = startOfDay(day).getTime()
    const low = (from.getTime() - base) / 60_000
    const high = (to.getTime() - base) / 60_000
    for (const [open, close] of hours.spans) total += Math.max(0, Math.min(close, high) - Math.max(open, low))
  }
  return Math.floor(total)
}

/** End of the n-th working day after `from`'s day. */
export function addWorkingDays(from: Date, count: number, days: Calendar, hours: WorkingHours = OFFICE_HOURS): Date {
  let day = dayOf(from)
  for (let left = count, walked = 0; left > 0; walked++) {
    if (walked > WALK_DAYS_MAX) throw new RangeError(`no ${count} working days within ${WALK_DAYS_MAX} days`)
    day = addDays(day, 1)
    if (days.isWorkingDay(day)) left--
  }
  return addMs(startOfDay(day), hours.spans.at(-1)![1] * 60_000)
}
