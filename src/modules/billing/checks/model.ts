import { addDays, startOfDay } from '#kernel/time.ts'

/**
 * biller_missing: told and answered "booked", but not in the biller's files. biller_only: the biller has booked what it was never
 * told, or what has been taken back. amount: booked with another amount.
 */
export const CHECK_CLASSES = ['biller_missing', 'biller_only', 'amount'] as const
export type CheckClass = (typeof CHECK_CLASSES)[number]

/** How a difference ended: by itself, or by a person with a reason. */
export const CHECK_RESOLUTIONS = ['stated', 'given_back', 'corrected_file', 'taken_back', 'by_person'] as const
export type CheckResolution = (typeof CHECK_RESOLUTIONS)[number]

/** What a person found out: the words stand in the messages, a note may be added. */
export const CHECK_REASONS = ['biller_corrects', 'paid_elsewhere', 'loss_accepted', 'other'] as const
export type CheckReason = (typeof CHECK_REASONS)[number]

/** Days a difference may wait for another file before it is grave. */
const CARRY_DAYS = 3

/** Another amount is grave at once: nobody knows which is right. */
export const severityOf = (kind: CheckClass): 1 | 2 => (kind === 'amount' ? 1 : 2)

/** Instant from which a difference that still waits is grave. */
export const graveFrom = (day: string): Date => startOfDay(addDays(day, CARRY_DAYS + 1))

/** Billers have the file of a day ready from this time of the next. */
export const READY_AT = '06:00'
