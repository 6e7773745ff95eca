import { createHash } from 'node:crypto'
import { timeOfDay } from '#kernel/time.ts'

/** What can be switched by community and time. `online` and `kiosk` are paying there; all else goes on as it is. */
export const FEATURES = ['online', 'kiosk', 'auto_debit', 'prepay'] as const
export type Feature = (typeof FEATURES)[number]

/** From an instant on, this share of the accounts; per cent. */
export interface RampStep {
  readonly from: string
  readonly pct: number
}

export interface Terms {
  readonly feature: Feature
  /** Codes of communities; none means every account, also those whose community nobody knows. */
  readonly areas: readonly string[]
  /** In the order of their instants, shares growing; at least one. */
  readonly steps: readonly RampStep[]
  /** 'HH:MM', both or neither: hours of the day in which it is on. */
  readonly openFrom?: string | undefined
  readonly openUntil?: string | undefined
  /** Share of tries that may fail, in ten-thousandths. */
  readonly budget_e4: number
  /** Fewer tries say nothing. */
  readonly triesMin: number
  readonly windowMin: number
}

export interface Plan extends Terms {
  readonly id: string
  readonly endedAt: Date | null
  /** Ended, and the feature is on for everybody it spoke for, as without it. */
  readonly isRestored?: boolean
}

export const STEPS_MAX = 8
/** More have no room in what is recorded of a plan; all together are named by none. */
export const AREAS_MAX = 400
/** A community of the national code of statistical areas. */
export const AREA_CODE = /^\d{12}$/
const INSTANT = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/

/** Where an account lies between 0 and 1 for a feature: for ever the same place, so that who is in stays in as the share grows. */
export function placeOf(feature: Feature, accountId: string): number {
  return createHash('sha256').update(`${feature}|${accountId}`).digest().readUInt32BE(0) / 2 ** 32
}

export const stepAt = (steps: readonly RampStep[], now: Date): RampStep | undefined => steps.findLast(step => new Date(step.from) <= now)

const isOpenHour = ({ openFrom, openUntil }: Terms, now: Date): boolean => {
  const at = timeOfDay(now)
  return openFrom === undefined || openUntil === undefined || (at >= openFrom && at < openUntil)
}

export type Standing =
  | { readonly isOn: true }
  /** `from`: when it will be on for this account, as far as the plan says. */
  | { readonly isOn: false; readonly from?: Date }

/** Whether a feature is on for an account under a plan. A plan that was taken back leaves it off, until it is restored. */
export function standingUnder(plan: Plan, accountId: string, now: Date): Standing {
  if (plan.endedAt) return plan.isRestored ? { isOn: true } : { isOn: false }
  const place = placeOf(plan.feature, accountId)
  const isIn = (step: RampStep | undefined) => step !== undefined && place < step.pct / 100
  if (isIn(stepAt(plan.steps, now))) return { isOn: isOpenHour(plan, now) } as Standing
  const next = plan.steps.find(step => new Date(step.from) > now && isIn(step))
  return next ? { isOn: false, from: new Date(next.from) } : { isOn: false }
}

/** Whether the first moment of a plan has come and it was not taken back before. */
export const hasBegun = ({ steps, endedAt }: Pick<Plan, 'steps' | 'endedAt'>, now: Date): boolean => {
  const first = new Date(steps[0]!.from)
  return first <= now && !(endedAt && endedAt < first)
}

const speaksFor = (plan: Pick<Plan, 'areas'>, area: string | undefined): boolean =>
  plan.areas.length === 0 || (area !== undefined && plan.areas.includes(area))

/**
 * Whether a feature is on for an account under the plans that were agreed on, the newest first. Of those that name its community, or
 * all, the newest that has begun holds; a later one takes over at its first moment, and agreeing to it changes nothing before. Where
 * none has begun the feature waits; without any plan that speaks for it, or taken back before its first moment, it is on.
 */
export function standingAmong(plans: readonly Plan[], area: string | undefined, accountId: string, now: Date): Standing {
  const speaking = plans.filter(plan => speaksFor(plan, area))
  const held = speaking.find(plan => hasBegun(plan, now))
  const next = speaking.find(plan => !plan.endedAt && !hasBegun(plan, now))
  const plan = held && !held.endedAt ? held : (next ?? held)
  return plan ? standingUnder(plan, accountId, now) : { isOn: true }
}

/** The plan that took this one's place: agreed on later for the same feature and communities, and begun. Plans newest first. */
export function successorOf<P extends Plan>(plan: P, plans: readonly P[], now: Date): P | undefined {
  const key = ({ feature, areas }: Terms) => `${feature}|${[...areas].sort().join()}`
  return plans.slice(0, plans.indexOf(plan)).find(later => key(later) === key(plan) && hasBegun(later, now))
}

/** Whether so many failures of so many tries use up the budget. */
export const isUsedUp = ({ budget_e4, triesMin }: Terms, tries: number, failures: number): boolean =>
  tries >= triesMin && failures * 10_000 > tries * budget_e4

/** What of a plan makes no sense; undefined for one that does. The first moment lies ahead. */
export function faultOf(terms: Terms, now: Date): 'feature' | 'areas' | 'steps' | 'hours' | 'budget' | undefined {
  const { areas, steps, openFrom, openUntil, budget_e4, triesMin, windowMin } = terms
  if (!FEATURES.includes(terms.feature)) return 'feature'
  if (areas.length > AREAS_MAX || !areas.every(area => AREA_CODE.test(area))) return 'areas'
  const isGrowing = steps.every((step, i) => {
    const before = steps[i - 1]
    const isShare = Number.isInteger(step.pct) && step.pct >= 0 && step.pct <= 100
    return (
      isShare &&
      INSTANT.test(step.from) &&
      !Number.isNaN(Date.parse(step.from)) &&
      (!before || (before.from < step.from && before.pct <= step.pct))
    )
  })
  if (steps.length === 0 || steps.length > STEPS_MAX || !isGrowing || new Date(steps[0]!.from) <= now) return 'steps'
  const isTime = (text: string | undefined) => text === undefined || /^([01]\d|2[0-3]):[0-5]\d$/.test(text)
  if (!isTime(openFrom) || !isTime(openUntil) || (openFrom === undefined) !== (openUntil === undefined)) return 'hours'
  if (openFrom !== undefined && openFrom >= openUntil!) return 'hours'
  const isWithin = (value: number, min: number, max: number) => Number.isInteger(value) && value >= min && value <= max
  return isWithin(budget_e4, 0, 10_000) && isWithin(triesMin, 1, 100_000) && isWithin(windowMin, 1, 1_440) ? undefined : 'budget'
}
